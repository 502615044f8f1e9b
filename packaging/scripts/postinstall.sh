#!/bin/sh
# After files are in place. Debian: `configure [OLD VERSION]`; RPM: 1 at the first installation, 2 at an upgrade.
set -e
case "$1" in
  configure | [0-9]*) ;;
  *) exit 0 ;;
esac

# Debconf learns the question that a purge asks. From here on standard output is debconf's.
if [ "$1" = configure ] && [ -e /usr/share/debconf/confmodule ]; then
  # shellcheck source=/dev/null
  . /usr/share/debconf/confmodule
  db_stop
fi

if command -v systemd-sysusers >/dev/null; then
  systemd-sysusers myhealth.conf
elif ! getent passwd myhealth >/dev/null; then
  useradd --system --user-group --home-dir /var/lib/myhealth --shell /usr/sbin/nologin myhealth
fi
if command -v systemd-tmpfiles >/dev/null; then
  systemd-tmpfiles --create myhealth.conf
else
  install -d -m 0750 -o root -g myhealth /etc/myhealth
  install -d -m 0700 -o myhealth -g myhealth /var/lib/myhealth
fi

# Nothing is enabled or started by an installation: there is no configuration yet. What runs is restarted, once.
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  if { [ "$1" = configure ] && [ -n "$2" ]; } || [ "$1" = 2 ]; then
    systemctl try-restart myhealth.service 'myhealth@*.service'
  fi
fi
if { [ "$1" = configure ] && [ -z "$2" ]; } || [ "$1" = 1 ]; then
  echo 'myhealth is installed and not started. Next: /etc/default/myhealth, myhealth-admin doctor, systemctl enable --now myhealth' >&2
fi
