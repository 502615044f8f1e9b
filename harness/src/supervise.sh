# Usage: supervise.sh DIRECTORY COMMAND…
#
# Runs COMMAND, a PostgreSQL server that lives in DIRECTORY, until standard input closes; then stops it and removes
# DIRECTORY. Standard input is a pipe from `cargo xtask`, which the kernel closes however that process ends: by
# returning, by a panic, by Ctrl-C, by kill -9. A server that ends by itself leaves DIRECTORY and its log behind.
set -eu
directory=$1
shift

exec 3<&0
"$@" >"$directory/server.log" 2>&1 </dev/null 3<&- &
server=$!
# INT is PostgreSQL's fast shutdown: disconnect everyone, stop cleanly.
{ cat <&3 >/dev/null; kill -INT "$server"; } &
watch=$!
trap 'kill "$watch" 2>/dev/null || :' EXIT

wait "$server"
rm -rf "$directory"
