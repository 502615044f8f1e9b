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

cluster_folder=$terraform_root/environments/cluster

# cluster ENVIRONMENT COMMAND [ARGUMENT…]: runs OpenTofu with the state and the values of this environment.
cluster() {
  local name=$1 command=$2 arguments=()
  shift 2
  [ -f "$cluster_folder/sizes/$name.json" ] ||
    fail "there is no environment $name" "name one of: $(cd "$cluster_folder/sizes" && echo *.json), without .json"
  case $command in
  init) arguments=("-backend-config=backend-$name.hcl") ;;
  apply | console | destroy | import | plan | refresh)
    arguments=("-var=environment=$name" "-var-file=$name.tfvars.json")
    ;;
  esac
  # Its folder holds which state was chosen by `init`.
  TF_DATA_DIR=$cluster_folder/.terraform/$name "$terraform" -chdir="$cluster_folder" "$command" "${arguments[@]}" "$@"
}

# A folder for secrets on their way, gone when the script ends.
private_folder() {
  private=$(mktemp -d)
  trap 'rm -rf "$private"' EXIT
}

now() { date +%s; }
