#!/usr/bin/env bash
# packaging/release/homebrew.sh REPOSITORY FOLDER: prints the Homebrew formula for the archives of a folder.
set -euo pipefail
repository=${1:?REPOSITORY is missing, for example owner/myhealth}
folder=${2:?FOLDER is missing}
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
formula=$(cat packaging/homebrew/myhealth.rb)
formula=${formula//@REPOSITORY@/$repository}
formula=${formula//@VERSION@/$version}
for machine in aarch64-macos x86_64-macos aarch64-linux x86_64-linux; do
  sum=$(cut -d' ' -f1 "$folder/myhealth-$version-$machine.tar.gz.sha256")
  formula=${formula//@$machine@/$sum}
done
printf '%s\n' "$formula"
