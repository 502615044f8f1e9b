#!/usr/bin/env bash
# Makes the program's roles in the database, with new passwords, and writes their URLs into the secret NAME/database. Run it
# again to rotate. psql must reach the database: docs/terraform.md says how, through the cluster.
# Usage: database-roles.sh ENVIRONMENT          before `myhealth migrate`, and to rotate
#        database-roles.sh ENVIRONMENT --reader after it, once: what the reader may read
. "$(dirname "$0")/common.sh"
[ $# -ge 1 ] || fail "the environment is missing" "database-roles.sh dev"
need "$terraform" aws jq psql openssl
private_folder
id=myhealth-$1/database
# Where psql connects, if not to the host itself: 127.0.0.1 with a port-forward.
address=${PGHOSTADDR:-}

values=$(cluster "$1" output -json database)
host=$(jq -r .host <<<"$values")
replica=$(jq -r '.replica_host // empty' <<<"$values")
port=$(jq -r .port <<<"$values")
database=$(jq -r .name <<<"$values")
certificates=${PGSSLROOTCERT:-$terraform_root/global-bundle.pem}
[ -f "$certificates" ] || fail "$certificates is missing" \
  "curl -o $certificates https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
export PGHOST=$host PGPORT=${PGPORT:-$port} PGDATABASE=$database PGSSLMODE=verify-full PGSSLROOTCERT=$certificates
[ -z "$address" ] || export PGHOSTADDR=$address

if [ "${2:-}" = --reader ]; then
  url=$(aws secretsmanager get-secret-value --secret-id "$id" --query SecretString --output text | jq -r '."owner-url"')
  password=${url#*://*:}
  PGUSER=myhealth_owner PGPASSWORD=${password%%@*} psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 \
    --file "$terraform_root/scripts/database-reader.sql"
  echo "the reader may read"
  exit 0
fi

owner=$(openssl rand -hex 32) writer=$(openssl rand -hex 32) reader=$(openssl rand -hex 32)
master=$(cluster "$1" output -raw master_secret_arn)
credentials=$(aws secretsmanager get-secret-value --secret-id "$master" --query SecretString --output text)
{
  echo "\\set owner_password '$owner'"
  echo "\\set writer_password '$writer'"
  echo "\\set reader_password '$reader'"
  cat "$terraform_root/scripts/database-roles.sql"
} >"$private/roles.sql"
PGUSER=$(jq -r .username <<<"$credentials") PGPASSWORD=$(jq -r .password <<<"$credentials") \
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --single-transaction --file "$private/roles.sql"

# Where the chart mounts the Secret of database.ca, which has Amazon's bundle.
options="sslmode=verify-full&sslrootcert=/etc/myhealth/database-ca/ca.crt"
url() { echo "postgres://$1:$2@$3:$port/$database?$options"; }
jq -n --arg owner "$(url myhealth_owner "$owner" "$host")" --arg writer "$(url myhealth_writer "$writer" "$host")" \
  --arg reader "$(url myhealth_reader "$reader" "$host")" --arg replica "$(url myhealth_writer "$writer" "${replica:-$host}")" \
  '{"owner-url": $owner, "writer-url": $writer, "reader-url": $reader, "replica-url": $replica}' >"$private/secret.json"
aws secretsmanager put-secret-value --secret-id "$id" --secret-string "file://$private/secret.json" >/dev/null
echo "wrote $id; restart the roles, so that they read the new URLs"
