#!/usr/bin/env bash
# Writes what the platform's apply takes from an environment, and chooses that environment's state of the platform.
# Usage: platform-variables.sh ENVIRONMENT
. "$(dirname "$0")/common.sh"
[ $# -eq 1 ] || fail "the environment is missing" "platform-variables.sh dev"
need "$terraform" jq
platform=$terraform_root/platform
[ -f "$platform/backend-$1.hcl" ] || fail "$platform/backend-$1.hcl is missing" "scripts/bootstrap.sh writes it"

cluster "$1" output -json platform | jq '{platform: .}' >"$platform/$1.auto.tfvars.json.new"
rm -f "$platform"/*.auto.tfvars.json
mv "$platform/$1.auto.tfvars.json.new" "$platform/$1.auto.tfvars.json"
"$terraform" -chdir="$platform" init -reconfigure -input=false -backend-config="backend-$1.hcl"
echo "next: $terraform -chdir=$platform apply"
