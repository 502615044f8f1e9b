# Usage: namespaces.sh FOLDER COMMAND…
#
# Runs COMMAND with a network, mounts and a process tree of its own, until it ends or standard input closes. The kernel then
# ends every process in there, and links, rules and mounts go with them. Control groups and FOLDER do not: they are removed here.
# Standard input is a pipe from `cargo xtask`, which the kernel closes however that process ends: by returning, by a panic, by
# Ctrl-C, by kill -9.
set -eu
folder=$1
shift

# The kubelet's, of every version of control groups.
groups() { find /sys/fs/cgroup/kubepods /sys/fs/cgroup/*/kubepods -maxdepth 0 2>/dev/null || :; }
remove_groups() {
  for group in $(groups); do find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || :; done
}

for group in $(groups); do
  if find "$group" -name cgroup.procs -exec cat {} + | grep . >/dev/null; then
    echo "another Kubernetes runs on this machine: $group has processes" >&2
    exit 1
  fi
done
remove_groups

exec 3<&0
# The shell inside is the first process there: it waits, and thereby reaps every orphan.
unshare --net --mount --pid --fork --kill-child --mount-proc sh -eu -c '
  for place in /run /var/lib /var/log; do mount -t tmpfs tmpfs "$place"; done
  ip link set lo up
  "$@" &
  wait "$!"
' sh "$@" </dev/null 3<&- &
child=$!
{ cat <&3 >/dev/null; kill -KILL "$child"; } &
watch=$!

status=0
wait "$child" || status=$?
kill "$watch" 2>/dev/null || :
for _ in $(seq 100); do
  remove_groups
  if [ -z "$(groups)" ]; then break; fi
  sleep 0.1
done
rm -rf "$folder"
exit "$status"
