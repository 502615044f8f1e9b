#!/bin/sh
# In a clean Debian: installs, configures, runs, upgrades, removes and purges /packages/old.deb and /packages/new.deb.
# With systemd as process 1 the services run under it; without, their command lines run as their user.
set -eu

fail() {
  echo "FAILED: $*" >&2
  exit 1
}
step() {
  echo "== $*"
}
systemd() {
  [ -d /run/systemd/system ]
}

step install
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
dpkg --install /packages/old.deb >/tmp/install.log 2>&1 || { cat /tmp/install.log; fail "dpkg --install"; }
grep -q 'installed and not started' /tmp/install.log || { cat /tmp/install.log; fail "no next step was printed"; }
[ "$(stat -c '%U:%G %a' /var/lib/myhealth)" = 'myhealth:myhealth 700' ] || fail "/var/lib/myhealth: $(stat -c '%U:%G %a' /var/lib/myhealth)"
[ "$(stat -c '%U:%G %a' /etc/myhealth)" = 'root:myhealth 750' ] || fail "/etc/myhealth: $(stat -c '%U:%G %a' /etc/myhealth)"
[ "$(getent passwd myhealth | cut -d: -f7)" = /usr/sbin/nologin ] || fail "myhealth can log in"
for link in /etc/systemd/system/*.wants/myhealth*; do
  [ ! -e "$link" ] || fail "$link: enabled by the installation"
done
for unit in myhealth.service myhealth@ingest.service myhealth@exporter.service myhealth@api.service; do
  # Without systemd running, an instance is a link to its template.
  mkdir -p /tmp/units
  case $unit in
    *@*) cp /usr/lib/systemd/system/myhealth@.service "/tmp/units/$unit" ;;
    *) cp "/usr/lib/systemd/system/$unit" "/tmp/units/$unit" ;;
  esac
  systemd-analyze verify "/tmp/units/$unit" || fail "$unit is not valid"
  systemd-analyze security --offline=true --threshold=20 --no-pager "/tmp/units/$unit" >/tmp/security 2>&1 || {
    cat /tmp/security
    fail "$unit is exposed by more than 2.0"
  }
  echo "$unit: $(tail -n 1 /tmp/security)"
done
# The threshold is one that can fail.
printf '[Service]\nExecStart=/usr/bin/myhealth serve\n' >/tmp/units/open.service
if systemd-analyze security --offline=true --threshold=20 --no-pager /tmp/units/open.service >/dev/null 2>&1; then
  fail "a unit without any hardening passed"
fi
bash -n /usr/share/bash-completion/completions/myhealth || fail "completions of bash"
man -l /usr/share/man/man1/myhealth-serve.1.gz 2>&1 | cat | grep -q 'listen-address' || fail "manual page"
set -- /usr/share/myhealth/dashboards/*.json
[ $# = 10 ] || fail "$# dashboards"
[ -s /usr/share/myhealth/rules/health.yaml ] || fail "rules"

step 'not configured: one sentence, nothing opened'
code=0
said=$(myhealth-admin serve --config.check 2>&1) || code=$?
[ "$code" = 64 ] || fail "serve without settings ends with $code: $said"
echo "$said" | grep -q 'reading Oura needs a log-in' || fail "$said"
[ -z "$(ls -A /var/lib/myhealth)" ] || fail "files were made: $(ls -A /var/lib/myhealth)"
if systemd; then
  systemctl start myhealth 2>/dev/null && fail "it started without settings"
  systemctl is-active --quiet myhealth && fail "it runs without settings"
  journalctl -u myhealth --no-pager | grep -q 'reading Oura needs a log-in' || fail "the journal has no reason"
  systemctl reset-failed myhealth
fi

step 'configured: it runs'
printf 'token of the test\n' >/etc/myhealth/oura-token
chown root:myhealth /etc/myhealth/oura-token
chmod 640 /etc/myhealth/oura-token
cat >>/etc/default/myhealth <<'END'
MYHEALTH_OURA_TOKEN_FILE=/etc/myhealth/oura-token
MYHEALTH_OURA_URL=http://127.0.0.1:1
MYHEALTH_TIME_ZONE=Europe/Paris
END
myhealth-admin serve --config.check || fail "settings"
running=
start() {
  if systemd; then
    systemctl start "$1" || { journalctl -u "$1" --no-pager | tail -n 20; fail "$1 did not start"; }
  else
    case $1 in
      *@*) role=${1#*@}; set -- --roles "${role%.service}" ;;
      *) set -- ;;
    esac
    myhealth-admin serve "$@" >/tmp/service.log 2>&1 &
    running=$!
  fi
}
stop() {
  if systemd; then systemctl stop "$1"; else kill "$running"; wait "$running" || true; fi
}
ready() {
  tries=0
  until myhealth healthcheck "http://127.0.0.1:$1/-/healthy" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || { cat /tmp/service.log 2>/dev/null; fail "no answer of the service"; }
    sleep 0.2
  done
}
start myhealth.service
ready 9872
if systemd; then
  pid=$(systemctl show --property MainPID --value myhealth)
  [ "$(stat -c %U "/proc/$pid")" = myhealth ] || fail "it does not run as myhealth"
fi
[ -s /var/lib/myhealth/myhealth.db ] || fail "no database"
[ "$(stat -c '%U %a' /var/lib/myhealth/myhealth.db)" = 'myhealth 600' ] || fail "the database is open to others"
myhealth-admin person list | grep -q '^me ' || fail "person"

step 'upgrade: data, settings and service stay'
rm /usr/sbin/policy-rc.d
before=$(sha256sum /etc/default/myhealth)
restarts_from=$(if systemd; then systemctl show --property MainPID --value myhealth; fi)
dpkg --install /packages/new.deb >/tmp/upgrade.log 2>&1 || { cat /tmp/upgrade.log; fail "upgrade"; }
grep -q 'installed and not started' /tmp/upgrade.log && fail "an upgrade greets like an installation"
[ "$(sha256sum /etc/default/myhealth)" = "$before" ] || fail "settings were replaced"
if systemd; then
  ready 9872
  after=$(systemctl show --property MainPID --value myhealth)
  [ "$after" != "$restarts_from" ] || fail "the old program still runs"
else
  stop myhealth.service
  start myhealth.service
  ready 9872
fi
myhealth-admin person list | grep -q '^me ' || fail "person lost"
if systemd; then
  step 'one role: its own settings, and not next to the process of all roles'
  start myhealth@exporter.service
  ready 9876
  systemctl is-active --quiet myhealth && fail "all roles run next to one role"
  stop myhealth@exporter.service
else
  stop myhealth.service
fi

step 'remove: data and settings stay'
dpkg --remove myhealth >/dev/null 2>&1 || fail "remove"
[ ! -e /usr/bin/myhealth ] || fail "the program is still there"
[ -s /var/lib/myhealth/myhealth.db ] || fail "data is gone"
[ -s /etc/default/myhealth ] || fail "settings are gone"

step 'purge: settings go, data stays unless it is asked for'
DEBIAN_FRONTEND=noninteractive dpkg --purge myhealth >/tmp/purge.log 2>&1 || { cat /tmp/purge.log; fail "purge"; }
[ ! -e /etc/default/myhealth ] || fail "settings are still there"
[ -s /var/lib/myhealth/myhealth.db ] || fail "a purge without an answer deleted the data"
grep -q 'are kept' /tmp/purge.log || { cat /tmp/purge.log; fail "the purge does not say what it keeps"; }
dpkg --install /packages/new.deb >/dev/null 2>&1 || fail "install again"
myhealth-admin person list | grep -q '^me ' || fail "data from before the purge was not found"
echo 'myhealth myhealth/purge-data boolean true' | debconf-set-selections
DEBIAN_FRONTEND=noninteractive dpkg --purge myhealth >/tmp/purge.log 2>&1 || { cat /tmp/purge.log; fail "purge with data"; }
for folder in /var/lib/myhealth /etc/myhealth; do
  [ ! -e "$folder" ] || fail "$folder is still there: $(cat /tmp/purge.log)"
done
echo 'deb: installed, configured, run, upgraded, removed and purged'
