#!/usr/bin/env bash
# packaging/release/verify.sh REPOSITORY VERSION DIGEST: the commands of docs/verify.md, in a folder with a release's files.
set -euo pipefail
REPOSITORY=${1:?REPOSITORY is missing} VERSION=${2:?VERSION is missing} DIGEST=${3:?DIGEST is missing}

sha256sum --check ./*.sha256
for file in myhealth-"$VERSION"-*.tar.gz myhealth_"$VERSION"-*.deb myhealth-"$VERSION"-*.rpm; do
  gh attestation verify "$file" --repo "$REPOSITORY" --signer-workflow "$REPOSITORY/.github/workflows/release.yml"
done
cosign verify "ghcr.io/$REPOSITORY@$DIGEST" --certificate-identity "https://github.com/$REPOSITORY/.github/workflows/image.yml@refs/heads/main" --certificate-oidc-issuer https://token.actions.githubusercontent.com
gh attestation verify "oci://ghcr.io/$REPOSITORY@$DIGEST" --repo "$REPOSITORY" --signer-workflow "$REPOSITORY/.github/workflows/image.yml"
