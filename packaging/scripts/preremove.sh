#!/bin/sh
# Before files go. Debian: `remove`, or `upgrade NEW VERSION`; RPM: 0 at a removal, 1 at an upgrade.
set -e
case "$1" in
  remove | 0) ;;
  *) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
  systemctl disable --now myhealth.service 'myhealth@*.service' myhealth@ingest.service myhealth@exporter.service myhealth@api.service >/dev/null 2>&1 || true
fi
