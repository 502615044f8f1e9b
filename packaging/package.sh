#!/usr/bin/env bash
# Packages one program: .deb, .rpm and an archive, each with its SHA-256.
#
# packaging/package.sh --binary FILE --to FOLDER [--nfpm FILE] [--release NUMBER] [--quick]
#
# The architecture is the program's own, and the program makes its own manual pages, completions, dashboards and rules:
# one for another processor needs qemu-user and binfmt, and a program that does not run is not packaged.
# SOURCE_DATE_EPOCH sets the times in what is written; default: the last commit's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 64
}

nfpm=nfpm release=1 compression=xz rpm_compression=xz level=9
while [ $# -gt 0 ]; do
  case $1 in
    --binary) binary=$2; shift 2 ;;
    --to) to=$2; shift 2 ;;
    --nfpm) nfpm=$2; shift 2 ;;
    --release) release=$2; shift 2 ;;
    --quick) compression=none rpm_compression=gzip:1 level=1; shift ;;
    *) usage ;;
  esac
done
if [ -z "${binary:-}" ] || [ -z "${to:-}" ]; then usage; fi
binary=$(realpath "$binary")

# e_machine of the ELF header, and the flag of hard floats.
case $(od -An -tx1 -j18 -N2 "$binary" | tr -d ' ') in
  3e00) arch=amd64 machine=x86_64 ;;
  b700) arch=arm64 machine=aarch64 ;;
  2800) arch=arm7 machine=armv7 ;;
  *) echo "error: $binary is not a Linux program for amd64, arm64 or armhf" >&2; exit 1 ;;
esac

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
printed=$("$binary" --version) || { echo "error: $binary does not run here; for another processor install qemu-user-static" >&2; exit 1; }
if [ "$(sed -n 1p <<<"$printed")" != "myhealth $version" ]; then
  echo "error: $binary is not version $version: it prints $(sed -n 1p <<<"$printed")" >&2
  exit 1
fi
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$to" "$stage/completions" "$stage/doc"
to=$(realpath "$to")
"$binary" man --to "$stage/man" >/dev/null
"$binary" dashboards --to "$stage/dashboards" >/dev/null
"$binary" rules --time-zone UTC --to "$stage/rules" >/dev/null
"$binary" completions bash >"$stage/completions/myhealth.bash"
"$binary" completions zsh >"$stage/completions/_myhealth"
"$binary" completions fish >"$stage/completions/myhealth.fish"
find "$stage" -name .myhealth.sha256 -delete
cp README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$stage/doc"
cp packaging/copyright "$stage/doc/copyright"

# The archive: the same for people without a package manager.
folder=myhealth-$version-$machine-linux
mkdir -p "$stage/$folder"
cp -r "$stage/man" "$stage/completions" "$stage/dashboards" "$stage/rules" "$stage/doc"/* "$stage/$folder"
install -m 0755 "$binary" "$stage/$folder/myhealth"
find "$stage/$folder" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
  -C "$stage" -cf - "$folder" | gzip "-${level}n" >"$to/$folder.tar.gz"

gzip -9n "$stage"/man/*.1 "$stage/doc/CHANGELOG.md"
sed -e "s|@ARCH@|$arch|" -e "s|@VERSION@|$version|" -e "s|@RELEASE@|$release|" -e "s|@BINARY@|$binary|" -e "s|@STAGE@|$stage|" \
  -e "s|@COMPRESSION@|$compression|" -e "s|@RPM_COMPRESSION@|$rpm_compression|" \
  packaging/nfpm.yaml >"$stage/nfpm.yaml"
for format in deb rpm; do
  "$nfpm" package --config "$stage/nfpm.yaml" --packager "$format" --target "$to" >/dev/null
done
(
  cd "$to"
  files=("$folder.tar.gz")
  case $arch in
    arm7) files+=(*armhf.deb *armv7hl.rpm) ;;
    *) files+=(*"$arch.deb" *"$machine.rpm") ;;
  esac
  for file in "${files[@]}"; do
    sha256sum "$file" >"$file.sha256"
    printf '%s\n' "$to/$file"
  done
)
