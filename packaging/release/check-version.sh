#!/usr/bin/env bash
# packaging/release/check-version.sh VERSION
#
# Whether this commit may be released as VERSION: it is Cargo's version, CHANGELOG.md has a section for it with a date and
# content, nothing is changed in the tree, and no tag of the name exists.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
version=${1:?VERSION is missing}

refuse() {
  echo "error: $*" >&2
  exit 1
}
cargo=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
[ "$version" = "$cargo" ] || refuse "Cargo.toml has version $cargo, not $version"
heading=$(grep -E "^## \[?${version//./\\.}\]? - [0-9]{4}-[0-9]{2}-[0-9]{2}$" CHANGELOG.md) ||
  refuse "CHANGELOG.md has no line \`## $version - YYYY-MM-DD\`; rename \`## Unreleased\`"
notes=$(packaging/release/notes.sh "$version")
[ "$(wc -l <<<"$notes")" -gt 2 ] || refuse "CHANGELOG.md: nothing is below \`$heading\`"
[ -z "$(git status --porcelain)" ] || refuse "the tree has changes that are not committed"
if git rev-parse --quiet --verify "refs/tags/v$version" >/dev/null; then
  refuse "the tag v$version exists: a version is released once"
fi
echo "$version may be released from $(git rev-parse HEAD)"
