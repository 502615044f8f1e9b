#!/usr/bin/env bash
# Writes one key of a secret in Secrets Manager and leaves its other keys. The value is asked for, or read from standard input:
# it is on no command line.
# Usage: put-secret.sh NAME SECRET KEY        put-secret.sh myhealth-dev oura client-secret
. "$(dirname "$0")/common.sh"
[ $# -eq 3 ] || fail "name, secret and key are missing" "put-secret.sh myhealth-dev oura client-secret"
need aws jq
id=$1/$2
private_folder

if [ -t 0 ]; then
  read -rsp "value of $id, key $3: " value
  echo >&2
else
  value=$(cat)
fi
[ -n "$value" ] || fail "the value is empty" "type it, or send it to standard input"

# A new secret has no value yet; any other failure must not lose the keys that are there.
if ! aws secretsmanager get-secret-value --secret-id "$id" --query SecretString --output text \
  >"$private/old.json" 2>"$private/error"; then
  grep -q ResourceNotFoundException "$private/error" || fail "$(cat "$private/error")" "fix that and try again"
  aws secretsmanager describe-secret --secret-id "$id" >/dev/null ||
    fail "there is no secret $id" "apply the environment first"
  echo '{}' >"$private/old.json"
fi
printf %s "$value" | jq -Rs . >"$private/value.json"
jq --arg key "$3" --slurpfile value "$private/value.json" '.[$key] = $value[0]' "$private/old.json" >"$private/new.json"
aws secretsmanager put-secret-value --secret-id "$id" --secret-string "file://$private/new.json" >/dev/null
echo "wrote $id, key $3"
