#!/usr/bin/env bash
# Takes an environment down in the order that leaves nothing behind: what the cluster made in AWS first, then what runs in it,
# then the cluster. Asks once.
# Usage: destroy.sh ENVIRONMENT
. "$(dirname "$0")/common.sh"
[ $# -eq 1 ] || fail "the environment is missing" "destroy.sh dev"
need "$terraform" aws jq kubectl
name=myhealth-$1
size=$cluster_folder/sizes/$1.json
[ "$(jq .protected "$size")" = false ] ||
  fail "$1 is protected" "set \"protected\": false in $size and apply; that is the decision to lose it"

read -rp "This deletes $name with its database. Type its name to go on: " answer
[ "$answer" = "$name" ] || fail "not confirmed" "type $name"

platform=$(cluster "$1" output -json platform)
cluster=$(jq -r .cluster_name <<<"$platform")
region=$(jq -r .region <<<"$platform")
private_folder
export KUBECONFIG=$private/config
if aws eks update-kubeconfig --name "$cluster" --region "$region" --kubeconfig "$KUBECONFIG" >/dev/null 2>&1; then
  # Load balancers, volumes and nodes that controllers made: they must go while their controllers run.
  kubectl delete ingress,httproute --all --all-namespaces --ignore-not-found --timeout=10m 2>/dev/null || true
  kubectl get service --all-namespaces -o json |
    jq -r '.items[] | select(.spec.type == "LoadBalancer") | "\(.metadata.namespace) \(.metadata.name)"' |
    while read -r namespace service; do
      kubectl delete service --namespace "$namespace" "$service" --timeout=10m
    done
  kubectl delete nodepools.karpenter.sh --all --timeout=15m 2>/dev/null || true
  kubectl delete persistentvolumeclaim --all --all-namespaces --wait=false
else
  echo "the cluster $cluster is not there; going on without it" >&2
fi

# Their network interfaces keep the VPC's subnets and groups: wait for the last one.
left() {
  aws elbv2 describe-load-balancers --region "$region" --query 'LoadBalancers[].LoadBalancerArn' --output text |
    tr '\t' '\n' | while read -r arn; do
      [ -z "$arn" ] || aws elbv2 describe-tags --region "$region" --resource-arns "$arn" \
        --query "TagDescriptions[?Tags[?Key=='elbv2.k8s.aws/cluster' && Value=='$cluster']].ResourceArn" --output text
    done
}
for _ in $(seq 60); do
  rest=$(left)
  [ -n "$rest" ] || break
  sleep 10
done
[ -z "$(left)" ] || fail "load balancers of $cluster are still there: $(left)" "delete them, then run this again"

"$terraform_root/scripts/platform-variables.sh" "$1"
"$terraform" -chdir="$terraform_root/platform" destroy -auto-approve
cluster "$1" destroy -auto-approve
echo "$name is gone. The bucket of states and its key stay."
