#!/usr/bin/env bash
# Writes the chart's values that follow from an environment and its platform, as JSON, which `helm --values` takes.
# Usage: chart-values.sh ENVIRONMENT [FILE]
. "$(dirname "$0")/common.sh"
[ $# -ge 1 ] || fail "the environment is missing" "chart-values.sh dev values-dev.json"
need "$terraform" jq
target=${2:-$cluster_folder/chart-values-$1.json}
private_folder

cluster "$1" output -json chart_values >"$private/environment.json"
if ! "$terraform" -chdir="$terraform_root/platform" output -json chart_values >"$private/platform.json" 2>/dev/null; then
  echo "the platform is not applied yet: its values are left out" >&2
  echo '{}' >"$private/platform.json"
fi
# As Helm joins values: objects are merged, and the platform's lists and texts win.
jq -s '.[0] * .[1]' "$private/environment.json" "$private/platform.json" >"$private/values.json"
install -m 0644 "$private/values.json" "$target"
echo "wrote $target"
