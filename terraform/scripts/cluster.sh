#!/usr/bin/env bash
# Runs a command of OpenTofu on one environment of the cluster: with its own state and its own values, so that they are never
# mixed. Your names are in environments/cluster/ENVIRONMENT.tfvars.json.
# Usage: cluster.sh ENVIRONMENT COMMAND [ARGUMENT…]          cluster.sh dev init; cluster.sh dev apply
. "$(dirname "$0")/common.sh"
[ $# -ge 2 ] || fail "environment and command are missing" "cluster.sh dev plan"
need "$terraform"
cluster "$@"
