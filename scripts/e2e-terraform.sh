#!/usr/bin/env bash
# Usage: scripts/e2e-terraform.sh [PROGRAM]
#
# Terraform and its real provider for Azure make deploy/terraform in an empty subscription of
# `hopguard sim`: two networks with a vMX each, workload networks, a function app with all it
# needs, later a container app and a machine in its place. Then hopguard works with the configuration that Terraform has rendered, as the identity
# that Terraform has made, with no right but those of its roles: one tick agrees, the active
# appliance is powered off, the next ticks move the routes. Terraform's plan is empty before and
# after, and is not where the rule about next hops is taken out. At last everything is destroyed,
# and nothing is left.
#
# One thing is not as deployed: the records are in a folder here, because the simulator keeps no
# blobs. PROGRAM is bin/hopguard by default. Everything lives in a temporary folder and on
# loopback. Takes about a quarter of an hour, most of them waits of the provider.
set -euo pipefail
cd "$(dirname "$0")/.."

program=$(realpath "${1:-bin/hopguard}")
name=e2e-terraform
last=terraform.log
. scripts/e2e.sh
root=$dir/deploy/terraform

# tf ARGUMENT...: Terraform in the copy of the example, its words in a log.
tf() { terraform -chdir="$root" "$@" -no-color >"$dir/terraform.log" 2>&1; }

# planned: none, or how many resources the plan would add, change and destroy.
planned() {
  local code=0
  tf plan -detailed-exitcode -input=false || code=$?
  case $code in
  0) echo none ;;
  2) sed -n 's/^Plan: //p' "$dir/terraform.log" ;;
  *) echo "failed with $code" ;;
  esac
}

# made_now: the types of what Terraform has made.
made_now() { terraform -chdir="$root" state list | sed -n 's/^\(module\.[^.]*\.\)\{0,1\}\(azurerm_[a-z0-9_]*\)\..*/\2/p'; }

# --- an empty subscription

subscription=5ab50001-0000-4000-8000-000000000001
cat >"$dir/world.yaml" <<YAML
subscriptions:
  - {id: $subscription, displayName: empty}
principals:
  - name: terraform
    objectId: 0b1d0001-0000-4000-8000-0000000000aa
    appId: a9900001-0000-4000-8000-0000000000aa
    clientSecret: terraform
    roles:
      - {scope: /subscriptions/$subscription, actions: ["*"]}
YAML
"$program" sim --listen 127.0.0.1:0 --dir "$dir/sim" --world "$dir/world.yaml" --profile fast >"$dir/sim.out" 2>"$dir/sim.log" &
sim_pid=$!
for _ in $(seq 100); do
  grep -q ready "$dir/sim.out" && break
  kill -0 "$sim_pid" 2>/dev/null || fail 'the simulator ended before it was ready'
  sleep 0.1
done
grep -q ready "$dir/sim.out" || fail 'the simulator was not ready after 10 s'
set -a
# shellcheck disable=SC1091  # written by the simulator
. "$dir/sim/env"
set +a
ok "sim: ready at $SIM_URL"

# arm PATH: what Azure says.
arm() {
  local token
  token=$(curl -sS --cacert "$SSL_CERT_FILE" --data-urlencode "client_secret=$SIM_CLIENT_SECRET" \
    -d "grant_type=client_credentials&client_id=$SIM_CLIENT_ID&scope=https%3A%2F%2Fmanagement.azure.com%2F.default" \
    "$SIM_URL/$SIM_TENANT/oauth2/v2.0/token" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  curl -sS --cacert "$SSL_CERT_FILE" -H "Authorization: Bearer $token" "$SIM_URL/subscriptions/$subscription/$1"
}

# --- Terraform

cp -r deploy "$dir/deploy"
export TF_CLI_CONFIG_FILE=$dir/rc TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1
scripts/azurerm config >"$TF_CLI_CONFIG_FILE"
export ARM_METADATA_HOSTNAME=${SIM_URL#https://} ARM_TENANT_ID=$SIM_TENANT ARM_CLIENT_ID=$SIM_CLIENT_ID
export ARM_CLIENT_SECRET=$SIM_CLIENT_SECRET ARM_RESOURCE_PROVIDER_REGISTRATIONS=none
cat >"$root/terraform.tfvars" <<HCL
subscription_id = "$subscription"
hubs = {
  vmx-a = { location = "westeurope", address_space = ["10.10.0.0/16"], subnet = "10.10.0.0/24" }
  vmx-b = { location = "northeurope", address_space = ["10.20.0.0/16"], subnet = "10.20.0.0/24" }
}
vmx_tokens      = { vmx-a = "token-a", vmx-b = "token-b" }
branch_prefixes = ["172.16.0.0/12", "192.168.0.0/16"]
spokes = {
  app-west  = { location = "westeurope", address_space = ["10.101.0.0/16"], subnets = { app = "10.101.0.0/24", data = "10.101.1.0/24" } }
  app-north = { location = "northeurope", address_space = ["10.102.0.0/16"], subnets = { app = "10.102.0.0/24" } }
}
alert_emails = ["noc@example.com"]
tags         = { team = "network" }
HCL
echo 'controller = { location = "westeurope", address_space = "10.30.0.0/24" }' >"$root/controller.auto.tfvars"

tf get || fail 'terraform get'
tf validate || fail 'terraform validate'
ok 'validate'
tf apply -auto-approve -input=false -parallelism=20 || fail 'terraform apply'
ok "apply: $(sed -n 's/^Apply complete! //p' "$dir/terraform.log")"
same 'the second plan is empty' "$(planned)" none
made_now >"$dir/made"

# --- hopguard, as the identity that was made

# configured: takes the configuration that Terraform has rendered, without its store.
configured() {
  terraform -chdir="$root" output -raw configuration >"$dir/deployed.yaml"
  env -u HOPGUARD_STORE_KIND -u HOPGUARD_STORE_PATH "$program" config check --config "$dir/deployed.yaml" >/dev/null || fail 'the rendered configuration is wrong'
  sed '/^"store":/,$d' "$dir/deployed.yaml" >"$dir/hopguard.yaml"
}

configured
ok 'the rendered configuration is good'
export HOPGUARD_CONFIG=$dir/hopguard.yaml HOPGUARD_STORE_KIND=file HOPGUARD_STORE_PATH=$dir/records

# tick: the active member and the exit code.
tick() {
  local code=0
  "$program" tick >"$dir/tick" 2>&1 || code=$?
  printf '%s, code %s\n' "$(sed -n 's/.*active \([^ ]*\) .*/\1/p;1q' "$dir/tick")" "$code"
}

same 'tick: all agree on vmx-a' "$(tick)" 'vmx-a, code 0'
"$program" sim ctl power-off vmx-a >/dev/null
for _ in $(seq 10); do
  now=$(tick)
  [ "$now" = 'vmx-a, code 0' ] || break
done
same 'tick: the routes have moved to vmx-b, and vmx-a is down' "$now" 'vmx-b, code 3'
same 'tick: read back in Azure' "$(grep -c 'read back\|done$' "$dir/tick")" 3
same 'the plan after the failover is empty' "$(planned)" none

sed -i.kept '/^  lifecycle {$/,/^  }$/d' "$root/modules/spoke/main.tf"
same 'without the rule about next hops it would move all routes back' "$(planned)" '0 to add, 4 to change, 0 to destroy.'
mv "$root/modules/spoke/main.tf.kept" "$root/modules/spoke/main.tf"

# --- a new branch during the failover

sed -i 's|"192.168.0.0/16"\]|"192.168.0.0/16", "10.200.0.0/16"]|' "$root/terraform.tfvars"
same 'a new branch is one route for each table' "$(planned)" '2 to add, 0 to change, 0 to destroy.'
tf apply -auto-approve -input=false || fail 'apply with a new branch'
same 'tick: the new routes follow the others' "$(tick)" 'vmx-b, code 3'
same 'all routes are at vmx-b' "$(arm "providers/Microsoft.Network/routeTables?api-version=2025-07-01" | grep -o '"nextHopIpAddress":"[^"]*"' | sort | uniq -c | tr -s ' ' | sed 's/^ //')" '6 "nextHopIpAddress":"10.20.0.4"'
same 'the plan is empty again' "$(planned)" none

# --- the other hosts, one after the other

# The key of nobody: its private half was never kept.
key=$(grep -o 'ssh-rsa [^"]*' deploy/terraform/tests/hosts.tftest.hcl)
for host in container_app vm; do
  cat >"$root/controller.auto.tfvars" <<HCL
controller = {
  host           = "$host"
  location       = "westeurope"
  address_space  = "10.30.0.0/24"
  image          = "example.azurecr.io/hopguard:1"
  binary_url     = "https://example.com/hopguard"
  binary_sha256  = "$(sha256sum "$program" | cut -d ' ' -f 1)"
  ssh_public_key = "$key"
}
HCL
  tf apply -auto-approve -input=false -parallelism=20 || fail "terraform apply with host $host"
  made_now >>"$dir/made"
  ok "$host: $(sed -n 's/^Apply complete! //p' "$dir/terraform.log")"
  same "$host: the next plan is empty" "$(planned)" none
  configured
  same "$host: hopguard goes on where it was" "$(tick)" 'vmx-b, code 3'
done
# shellcheck disable=SC2016  # backquotes of Markdown
same 'what was made is what docs/deploy.md says' "$(sort -u "$dir/made")" "$(sed -n 's/^| `\(azurerm_[a-z0-9_]*\)` |[^|]*| yes.*/\1/p' docs/deploy.md | sort -u)"

# --- and away

tf destroy -auto-approve -input=false -parallelism=20 || fail 'terraform destroy'
ok "destroy: $(sed -n 's/^Destroy complete! //p' "$dir/terraform.log")"
for what in 'resources?api-version=2021-04-01' 'resourcegroups?api-version=2021-04-01' 'providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01'; do
  same "nothing is left: ${what%%\?*}" "$(arm "$what")" '{"value":[]}'
done
same 'nothing is left: custom roles' "$(arm 'providers/Microsoft.Authorization/roleDefinitions?api-version=2022-04-01' | grep -c CustomRole || true)" 0

passed
