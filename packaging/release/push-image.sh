#!/usr/bin/env bash
# packaging/release/push-image.sh IMAGE VERSION: builds for three processors, pushes, and prints `digest=sha256:…`.
#
# A version is pushed once. Nothing is called `latest`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
image=${1:?IMAGE is missing} version=${2:?VERSION is missing}
if docker buildx imagetools inspect "$image:$version" >&2; then
  echo "error: $image:$version exists: a version is released once" >&2
  exit 1
fi
metadata=$(mktemp)
trap 'rm -f "$metadata"' EXIT
docker buildx create --use >&2
docker buildx build --platform linux/amd64,linux/arm64,linux/arm/v7 --no-cache --pull --provenance mode=max --sbom true \
  --build-arg MYHEALTH_REVISION="$(git rev-parse HEAD)" --label "org.opencontainers.image.version=$version" \
  --tag "$image:$version" --metadata-file "$metadata" --push . >&2
digest=$(jq --raw-output '."containerimage.digest"' "$metadata")
[[ $digest == sha256:* ]] || { echo "error: the build names no digest: $digest" >&2; exit 1; }
echo "digest=$digest"
