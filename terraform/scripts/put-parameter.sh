#!/usr/bin/env bash
# Writes a secret of a single node as a SecureString, which costs nothing. The value is asked for, or read from standard input.
# Usage: put-parameter.sh NAME oura-client-id|oura-client-secret|first-password
. "$(dirname "$0")/common.sh"
case ${2:-} in
oura-client-id | oura-client-secret | first-password) ;;
*) fail "the parameter is missing" "put-parameter.sh myhealth-home oura-client-secret" ;;
esac
need aws jq
private_folder

if [ -t 0 ]; then
  read -rsp "value of /$1/$2: " value
  echo >&2
else
  IFS= read -r value || [ -n "$value" ]
fi
[ -n "$value" ] || fail "the value is empty" "type it, or send it to standard input"
printf %s "$value" | jq -Rs --arg name "/$1/$2" '{Name: $name, Value: ., Type: "SecureString", Overwrite: true}' \
  >"$private/parameter.json"
aws ssm put-parameter --cli-input-json "file://$private/parameter.json" >/dev/null
echo "wrote /$1/$2"
