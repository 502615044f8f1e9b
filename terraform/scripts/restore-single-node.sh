#!/usr/bin/env bash
# Restores a single node from its newest snapshot, or the one named: the volume is made again and the instance started with it.
# Says how old the snapshot was (RPO) and how long it took (RTO). What was written since is lost; the volume of before leaves a
# snapshot of its own.
# Usage: restore-single-node.sh [SNAPSHOT]
. "$(dirname "$0")/common.sh"
need "$terraform" aws jq
folder=$(environment single-node)
name=myhealth-home

snapshot=${1:-$(aws ec2 describe-snapshots --owner-ids self --filters "Name=tag:Snapshots,Values=$name" \
  Name=status,Values=completed --query 'sort_by(Snapshots, &StartTime)[-1].SnapshotId' --output text)}
if [ -z "$snapshot" ] || [ "$snapshot" = None ]; then
  fail "there is no snapshot of $name" "look for it with: aws ec2 describe-snapshots --owner-ids self"
fi
taken=$(aws ec2 describe-snapshots --snapshot-ids "$snapshot" --query 'Snapshots[0].StartTime' --output text)
echo "RPO: $(($(now) - $(date -u -d "$taken" +%s))) s (snapshot $snapshot of $taken)"
read -rp "What was written since is lost. Type $name to go on: " answer
[ "$answer" = "$name" ] || fail "not confirmed" "type $name"

started=$(now)
"$terraform" -chdir="$folder" apply -auto-approve -var "snapshot_id=$snapshot"
instance=$("$terraform" -chdir="$folder" output -raw instance_id)
aws ec2 wait instance-status-ok --instance-ids "$instance"
echo "RTO: $(($(now) - started)) s until the instance answers, without the log-in that follows"
cat <<END
Keep snapshot_id = "$snapshot" in a file of variables from now on, or the next apply makes an empty volume.
The log-in at Oura is spent: its refresh token was used after the snapshot. Open a shell ($terraform output log_in) and log in
again: terraform/modules/single-node/README.md, step 3.
END
