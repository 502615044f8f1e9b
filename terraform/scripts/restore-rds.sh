#!/usr/bin/env bash
# Restores the database to a moment into an instance next to the one that runs, and prints how old the newest moment was (RPO) and how long it took
# (RTO). Changes nothing that runs: a drill. `--keep` leaves the restored one, to switch to it.
# Usage: restore-rds.sh ENVIRONMENT [TIME|latest] [--keep]          TIME as 2026-03-01T12:00:00Z
. "$(dirname "$0")/common.sh"
[ $# -ge 1 ] || fail "the environment is missing" "restore-rds.sh staging latest"
need aws jq
name=myhealth-$1
moment=${2:-latest}
target=$name-drill-$(date -u +%Y%m%d%H%M)

source=$(aws rds describe-db-instances --db-instance-identifier "$name" --query 'DBInstances[0]')
newest=$(jq -r .LatestRestorableTime <<<"$source")
echo "RPO: $(($(now) - $(date -u -d "$newest" +%s))) s (the newest moment that can be restored is $newest)"

started=$(now)
when=(--use-latest-restorable-time)
[ "$moment" = latest ] || when=(--restore-time "$moment")
aws rds restore-db-instance-to-point-in-time --source-db-instance-identifier "$name" --target-db-instance-identifier "$target" \
  "${when[@]}" --db-instance-class "$(jq -r .DBInstanceClass <<<"$source")" --no-publicly-accessible --no-multi-az \
  --db-subnet-group-name "$(jq -r .DBSubnetGroup.DBSubnetGroupName <<<"$source")" \
  --db-parameter-group-name "$(jq -r '.DBParameterGroups[0].DBParameterGroupName' <<<"$source")" \
  --vpc-security-group-ids "$(jq -r '.VpcSecurityGroups[0].VpcSecurityGroupId' <<<"$source")" \
  --engine-lifecycle-support open-source-rds-extended-support-disabled --no-deletion-protection >/dev/null
until aws rds wait db-instance-available --db-instance-identifier "$target"; do echo "still restoring" >&2; done
host=$(aws rds describe-db-instances --db-instance-identifier "$target" --query 'DBInstances[0].Endpoint.Address' --output text)
echo "RTO: $(($(now) - started)) s until $host answers, without the log-in that follows"

cat <<END
Compare it with the one that runs, by a pod that has both URLs:
  select count(*), max(updated_at) from document;
To use it: write its host into the secret $name/database, restart the roles, and then
  kubectl --namespace=myhealth exec -it deployment/myhealth-ingest -- myhealth login --paste
The log-in at Oura in a restored database is spent: its refresh token was used after the moment restored. Without this step
nothing new arrives, and that time belongs to the RTO.
END
if [ "${3:-}" != --keep ]; then
  aws rds delete-db-instance --db-instance-identifier "$target" --skip-final-snapshot >/dev/null
  echo "$target is being deleted (--keep leaves it)"
fi
