#!/bin/sh
# Installs, upgrades and removes /packages/old.rpm and /packages/new.rpm by rpm, in a Debian: what a package does with
# files, users and services is the same, dependencies on names of Fedora's are not looked at.
set -eu

fail() {
  echo "FAILED: $*" >&2
  exit 1
}
rpm --initdb
rpm --install --nodeps /packages/old.rpm >/tmp/install.log 2>&1 || { cat /tmp/install.log; fail "rpm --install"; }
grep -q 'installed and not started' /tmp/install.log || { cat /tmp/install.log; fail "no next step was printed"; }
rpm --verify --nodeps myhealth || fail "files differ from the package"
[ "$(stat -c '%U:%G %a' /var/lib/myhealth)" = 'myhealth:myhealth 700' ] || fail "/var/lib/myhealth"
[ -e /usr/share/zsh/site-functions/_myhealth ] || fail "completions of zsh"
rpm --query --configfiles myhealth | grep -q '^/etc/default/myhealth$' || fail "settings are not configuration"
echo '# mine' >>/etc/default/myhealth
touch /var/lib/myhealth/data
rpm --upgrade --nodeps /packages/new.rpm >/tmp/upgrade.log 2>&1 || { cat /tmp/upgrade.log; fail "upgrade"; }
grep -q '^# mine$' /etc/default/myhealth || fail "settings were replaced"
[ "$(rpm --query --all | grep -c '^myhealth-')" = 1 ] || fail "two versions are installed"
myhealth --version | grep -q '^myhealth ' || fail "the program is gone after an upgrade"
rpm --erase --nodeps myhealth >/tmp/remove.log 2>&1 || { cat /tmp/remove.log; fail "remove"; }
[ ! -e /usr/bin/myhealth ] || fail "the program is still there"
[ -e /var/lib/myhealth/data ] || fail "data is gone"
[ -e /etc/default/myhealth.rpmsave ] || fail "edited settings were not saved"
echo 'rpm: installed, verified, upgraded and removed'
