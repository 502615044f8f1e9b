#!/usr/bin/env bash
# packaging/release/build-linux.sh PLATFORM FOLDER [--nfpm FILE]
#
# Builds the program for linux/amd64, linux/arm64 or linux/arm/v7 by the Dockerfile, so that packages and image hold the
# same file, and packages it into FOLDER. It runs what it built: another processor needs qemu-user-static.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
platform=${1:?PLATFORM is missing} to=${2:?FOLDER is missing}
shift 2
image=$(mktemp -d)
trap 'rm -rf "$image"' EXIT
docker buildx build --platform "$platform" --build-arg MYHEALTH_REVISION="$(git rev-parse HEAD)" \
  --output "type=local,dest=$image" .
packaging/package.sh --binary "$image/usr/bin/myhealth" --to "$to" "$@"
