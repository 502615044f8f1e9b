# Sets up the instance at its first start; its settings are exported before these lines (main.tf). What it prints is in
# /var/log/cloud-init-output.log.
# shellcheck shell=bash disable=SC2154
set -euo pipefail
umask 077

# The volume with the database, found by its id; a new one has no file system yet.
device=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${VOLUME_ID/-/}
for _ in $(seq 150); do
  [ -e "$device" ] && break
  sleep 2
done
blkid "$device" >/dev/null || mkfs.xfs -L myhealth "$device"
id myhealth >/dev/null 2>&1 || useradd --system --home-dir /var/lib/myhealth --shell /sbin/nologin myhealth
mkdir -p /var/lib/myhealth
echo 'LABEL=myhealth /var/lib/myhealth xfs defaults,nodev,nosuid,noexec,nofail 0 2' >>/etc/fstab
systemctl daemon-reload
mount /var/lib/myhealth
xfs_growfs /var/lib/myhealth
chown myhealth:myhealth /var/lib/myhealth
chmod 0700 /var/lib/myhealth

# The system's own Python is older than these packages take.
dnf install -y amazon-ssm-agent python3.12 python3.12-pip
systemctl enable --now amazon-ssm-agent

curl --fail --silent --show-error --location --proto =https --retry 5 --output /tmp/myhealth "$RELEASE_URL"
echo "$RELEASE_SUM  /tmp/myhealth" | sha256sum --check --strict -
install -m 0755 /tmp/myhealth /usr/local/bin/myhealth

install -d -m 0750 -g myhealth /etc/myhealth
python3.12 -m venv /opt/tools
/opt/tools/bin/pip install --quiet 'boto3==1.44.8' ${DOMAIN:+'certbot==5.8.0'}

# Secrets are read at each start, so that a changed one needs a restart and no new instance.
cat >/usr/local/sbin/myhealth-secrets <<'END'
#!/opt/tools/bin/python
"""Writes the parameters of this installation into files that the service alone can read."""
import grp, os, sys
import boto3

region, prefix, folder = sys.argv[1:]
ssm = boto3.client("ssm", region_name=region)
for name in ("oura-client-id", "oura-client-secret", "first-password"):
    value = ssm.get_parameter(Name=f"{prefix}/{name}", WithDecryption=True)["Parameter"]["Value"]
    path = os.path.join(folder, name)
    with open(path, "w", opener=lambda path, flags: os.open(path, flags, 0o640)) as file:
        file.write(value)
    os.chown(path, 0, grp.getgrnam("myhealth").gr_gid)
with open(os.path.join(folder, "oura-client-id")) as file, open(os.path.join(folder, "oura.env"), "w") as environment:
    environment.write(f"MYHEALTH_OURA_CLIENT_ID={file.read().strip()}\n")
END
chmod 0700 /usr/local/sbin/myhealth-secrets

{
  echo 'MYHEALTH_DATA_DIR=/var/lib/myhealth'
  echo 'MYHEALTH_OURA_CLIENT_SECRET_FILE=/run/myhealth-secrets/oura-client-secret'
  echo "MYHEALTH_TIME_ZONE=$TIME_ZONE"
  echo 'MYHEALTH_LOG_FORMAT=json'
  if [ -n "$DOMAIN" ]; then
    echo 'MYHEALTH_API_LISTEN_ADDRESS=:443'
    echo 'MYHEALTH_API_CONFIG_FILE=/etc/myhealth/web.yml'
    echo "MYHEALTH_WEB_ALLOWED_HOSTS=$DOMAIN"
  fi
} >/etc/myhealth/environment
chmod 0640 /etc/myhealth/environment
chgrp myhealth /etc/myhealth/environment

cat >/etc/systemd/system/myhealth-secrets.service <<END
[Unit]
Description=Secrets of myhealth
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
RuntimeDirectory=myhealth-secrets
RuntimeDirectoryMode=0755
ExecStart=/usr/local/sbin/myhealth-secrets $REGION $PARAMETERS /run/myhealth-secrets
Restart=on-failure
RestartSec=30
END

cat >/etc/systemd/system/myhealth.service <<'END'
[Unit]
Description=myhealth
After=network-online.target myhealth-secrets.service
Wants=network-online.target
Requires=myhealth-secrets.service
PartOf=myhealth-secrets.service
RequiresMountsFor=/var/lib/myhealth

[Service]
User=myhealth
EnvironmentFile=/etc/myhealth/environment
EnvironmentFile=/run/myhealth-secrets/oura.env
# An API that others reach does not start without an account. A second one of the name is refused, which is right.
ExecStartPre=-/usr/local/bin/myhealth account add owner --everyone --password-file /run/myhealth-secrets/first-password
ExecStart=/usr/local/bin/myhealth serve
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=5
TimeoutStopSec=40
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=/var/lib/myhealth
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
UMask=0077

[Install]
WantedBy=multi-user.target
END

if [ -n "$DOMAIN" ]; then
  install -d -m 0750 -g myhealth /etc/myhealth/tls
  cat >/etc/myhealth/web.yml <<'END'
tls_server_config:
  cert_file: /etc/myhealth/tls/fullchain.pem
  key_file: /etc/myhealth/tls/privkey.pem
END
  chmod 0640 /etc/myhealth/web.yml
  chgrp myhealth /etc/myhealth/web.yml
  cat >/usr/local/sbin/myhealth-certificate <<'END'
#!/bin/bash
# After each renewal: the service reads the files again when they change.
set -euo pipefail
for file in fullchain.pem privkey.pem; do
  install -m 0640 -g myhealth "$RENEWED_LINEAGE/$file" "/etc/myhealth/tls/$file"
done
systemctl try-reload-or-restart myhealth
END
  chmod 0755 /usr/local/sbin/myhealth-certificate
  # The name may point here only some minutes from now.
  for _ in $(seq 30); do
    /opt/tools/bin/certbot certonly --standalone --non-interactive --agree-tos --email "$DOMAIN_EMAIL" \
      --domain "$DOMAIN" --deploy-hook /usr/local/sbin/myhealth-certificate && break
    sleep 60
  done
  cat >/etc/systemd/system/myhealth-certificate.service <<'END'
[Unit]
Description=Renews the certificate of myhealth
[Service]
Type=oneshot
ExecStart=/opt/tools/bin/certbot renew --quiet
END
  cat >/etc/systemd/system/myhealth-certificate.timer <<'END'
[Unit]
Description=Renews the certificate of myhealth
[Timer]
OnCalendar=*-*-* 04:00
RandomizedDelaySec=6h
Persistent=true
[Install]
WantedBy=timers.target
END
fi

systemctl daemon-reload
systemctl enable --now myhealth.service
[ -z "$DOMAIN" ] || systemctl enable --now myhealth-certificate.timer
