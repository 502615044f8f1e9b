#!/usr/bin/env bash
# packaging/release/sbom.sh SYFT FILE: the bill of materials of Cargo.lock, as CycloneDX.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
syft=${1:?the program syft is missing} to=${2:?FILE is missing}
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
SYFT_CHECK_FOR_APP_UPDATE=false "$syft" scan file:Cargo.lock --quiet --source-name myhealth --source-version "$version" \
  --output "cyclonedx-json=$to"
locked=$(grep -c '^name = ' Cargo.lock)
listed=$(grep -c '"purl": "pkg:cargo/' "$to")
if [ "$listed" -ne "$locked" ]; then
  echo "error: $to lists $listed crates, Cargo.lock $locked" >&2
  exit 1
fi
