#!/usr/bin/env bash
# packaging/release/build-macos.sh TARGET FOLDER
#
# Builds the program for aarch64-apple-darwin or x86_64-apple-darwin, on macOS, and archives it. It runs what it built:
# Rosetta runs the other processor's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=${1:?TARGET is missing} to=${2:?FOLDER is missing}
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
rustup target add "$target"
MYHEALTH_REVISION=$(git rev-parse HEAD)
export MYHEALTH_REVISION
cargo build --locked --profile dist --package app --target "$target"
binary=target/$target/dist/myhealth
"$binary" --version

folder=myhealth-$version-${target%%-*}-macos
mkdir -p "$to" "$to/$folder"
cp "$binary" README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$to/$folder"
"$binary" man --to "$to/$folder/man"
"$binary" dashboards --to "$to/$folder/dashboards"
"$binary" rules --time-zone UTC --to "$to/$folder/rules"
mkdir "$to/$folder/completions"
"$binary" completions bash >"$to/$folder/completions/myhealth.bash"
"$binary" completions zsh >"$to/$folder/completions/_myhealth"
"$binary" completions fish >"$to/$folder/completions/myhealth.fish"
cd "$to"
find "$folder" -name .myhealth.sha256 -delete
tar -czf "$folder.tar.gz" "$folder"
rm -r "$folder"
shasum -a 256 "$folder.tar.gz" >"$folder.tar.gz.sha256"
