#!/bin/sh
# After files are gone. Debian: `remove`, `purge`, …; RPM: 0 at a removal. Data goes only at a purge, and only when asked for.
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
[ "$1" = purge ] || exit 0
delete=false
if [ -e /usr/share/debconf/confmodule ]; then
  # shellcheck source=/dev/null
  . /usr/share/debconf/confmodule
  db_version 2.0
  db_fset myhealth/purge-data seen false
  db_input high myhealth/purge-data || true
  db_go || true
  if db_get myhealth/purge-data; then delete="$RET"; fi
  db_purge
  db_stop
fi
if [ "$delete" = true ]; then
  rm -rf /var/lib/myhealth /etc/myhealth
else
  echo 'myhealth: /var/lib/myhealth and /etc/myhealth are kept; remove them by hand when the data is no longer needed' >&2
fi
