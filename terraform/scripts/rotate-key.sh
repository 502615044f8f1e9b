#!/usr/bin/env bash
# Makes a new key and keeps the previous one next to it: what was sealed or signed with it stays good. For the two secrets that
# are keys: sealing-key (log-ins at Oura) and signing-key (log-ins of people).
# Usage: rotate-key.sh NAME sealing-key|signing-key
. "$(dirname "$0")/common.sh"
case ${2:-} in
sealing-key | signing-key) ;;
*) fail "sealing-key or signing-key is missing" "rotate-key.sh myhealth-dev sealing-key" ;;
esac
need aws jq openssl
id=$1/$2
private_folder

aws secretsmanager describe-secret --secret-id "$id" >/dev/null || fail "there is no secret $id" "apply the environment first"
if ! aws secretsmanager get-secret-value --secret-id "$id" --query SecretString --output text \
  >"$private/old.json" 2>"$private/error"; then
  grep -q ResourceNotFoundException "$private/error" || fail "$(cat "$private/error")" "fix that and try again"
  echo '{}' >"$private/old.json"
fi
case $2 in
sealing-key) openssl rand -hex 32 | tr -d '\n' ;;
signing-key) openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 ;;
esac | jq -Rs . >"$private/key.json"
# The first key has none before it: then both files hold the same, which the program takes.
jq --slurpfile key "$private/key.json" '{current: $key[0], previous: (.current // $key[0])}' \
  "$private/old.json" >"$private/new.json"
aws secretsmanager put-secret-value --secret-id "$id" --secret-string "file://$private/new.json" >/dev/null
cat <<END
rotated $id
next:
  kubectl --namespace=myhealth annotate externalsecret --all force-sync="\$(date +%s)" --overwrite
  kubectl --namespace=myhealth rollout restart deployment
Do not rotate again before each log-in at Oura has been renewed once (a day): the key before the last one is forgotten.
END
