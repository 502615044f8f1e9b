#!/usr/bin/env bash
# Makes the bucket of all states, moves the bootstrap's own state into it, and writes backend.hcl of every environment and of
# the platform. Runs again without harm.
# Usage: bootstrap.sh ACCOUNT REGION
. "$(dirname "$0")/common.sh"
[ $# -eq 2 ] || fail "account and region are missing" "bootstrap.sh 123456789012 eu-central-1"
need "$terraform" aws jq
account=$1 region=$2

found=$(aws sts get-caller-identity --query Account --output text)
[ "$found" = "$account" ] || fail "these credentials are of account $found, not $account" "choose others (AWS_PROFILE)"

folder=$terraform_root/bootstrap
variables=(-var "account_id=$account" -var "region=$region")
bucket=myhealth-states-$account-$region
backend=$folder/backend.tf

if aws s3api head-bucket --bucket "$bucket" 2>/dev/null; then
  echo "the bucket $bucket is there"
  printf 'terraform {\n  backend "s3" {\n    use_lockfile = true\n    encrypt      = true\n  }\n}\n' >"$backend"
  "$terraform" -chdir="$folder" init -reconfigure -input=false \
    -backend-config="bucket=$bucket" -backend-config="region=$region" -backend-config=key=bootstrap/terraform.tfstate
else
  rm -f "$backend"
  "$terraform" -chdir="$folder" init -input=false
fi
"$terraform" -chdir="$folder" apply -input=false "${variables[@]}"

key=$("$terraform" -chdir="$folder" output -json backend | jq -r .kms_key_id)
if [ ! -f "$backend" ]; then
  printf 'terraform {\n  backend "s3" {\n    use_lockfile = true\n    encrypt      = true\n  }\n}\n' >"$backend"
  "$terraform" -chdir="$folder" init -migrate-state -force-copy -input=false -backend-config="bucket=$bucket" \
    -backend-config="region=$region" -backend-config="kms_key_id=$key" -backend-config=key=bootstrap/terraform.tfstate
  rm -f "$folder/terraform.tfstate" "$folder/terraform.tfstate.backup"
fi

write() {
  printf 'bucket     = "%s"\nregion     = "%s"\nkms_key_id = "%s"\nkey        = "%s"\n' \
    "$bucket" "$region" "$key" "$2" >"$1"
  echo "wrote $1"
}
write "$terraform_root/environments/single-node/backend.hcl" myhealth-single-node/environment.tfstate
for size in "$cluster_folder"/sizes/*.json; do
  name=$(basename "$size" .json)
  write "$cluster_folder/backend-$name.hcl" "myhealth-$name/environment.tfstate"
  write "$terraform_root/platform/backend-$name.hcl" "myhealth-$name/platform.tfstate"
done
echo "next: $(dirname "$0")/cluster.sh dev init"
