#!/usr/bin/env bash
# packaging/release/notes.sh VERSION: the section of CHANGELOG.md, without its heading.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
version=${1:?VERSION is missing}
awk -v version="$version" '
  /^## / { found = ($2 == version || $2 == "[" version "]"); next }
  found { print }
' CHANGELOG.md | sed -e '/./,$!d'
