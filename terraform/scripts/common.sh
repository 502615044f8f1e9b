# shellcheck shell=bash
# What every script here begins with: strict mode, private files, the root of these configurations, and one way to fail.

set -euo pipefail
umask 077

terraform_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# OpenTofu and Terraform are used alike.
# shellcheck disable=SC2034
terraform=${TERRAFORM:-$(command -v tofu || command -v terraform || echo terraform)}
export TF_IN_AUTOMATION=1

fail() {
  echo "error: $1" >&2
  echo "What to do: $2" >&2
  exit 1
}

need() {
  for program in "$@"; do
    command -v "$program" >/dev/null || fail "$program is missing" "install it and put it on the path"
  done
}

# The folder of an environment, which must be there.
environment() {
  [ -f "$terraform_root/environments/$1/main.tf" ] ||
    fail "there is no environment $1" "name one of: $(cd "$terraform_root/environments" && echo *)"
  echo "$terraform_root/environments/$1"
}

# A folder for secrets on their way, gone when the script ends.
private_folder() {
  private=$(mktemp -d)
  trap 'rm -rf "$private"' EXIT
}

now() { date +%s; }
