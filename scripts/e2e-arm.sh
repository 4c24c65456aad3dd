#!/usr/bin/env bash
# Usage: scripts/e2e-arm.sh [PROGRAM]
#
# The real az (Debian's azure-cli) deploys deploy/arm/azuredeploy.json to `hopguard sim`, as its
# owner, twice: the second deployment changes nothing. Then `hopguard tick` runs with the deployed
# settings, as the deployed identity with the deployed rights, through a failover. A deployment that
# must fail says why. At the end everything is deleted.
#
# PROGRAM is bin/hopguard by default. Everything lives in a temporary folder and on loopback. Prints
# "N passed, 0 failed" and exits 0, or shows what differed and exits 1.
set -euo pipefail
cd "$(dirname "$0")/.."

program=$(realpath "${1:-bin/hopguard}")
python=/usr/bin/python3
name=e2e-arm
last=sim.log
. scripts/e2e.sh
group=rg-hopguard

# --- the simulator

"$program" sim --listen 127.0.0.1:0 --profile fast --dir "$dir" >"$dir/sim.out" 2>"$dir/sim.log" &
sim_pid=$!
for _ in $(seq 100); do
  grep -q ready "$dir/sim.out" && break
  kill -0 "$sim_pid" 2>/dev/null || fail 'the simulator ended before it was ready'
  sleep 0.1
done
grep -q ready "$dir/sim.out" || fail 'the simulator was not ready after 10 s'
set -a
# shellcheck disable=SC1091  # written by the simulator
. "$dir/env"
set +a
endpoint=${HOPGUARD_AZURE_ENDPOINT%/}
ok "sim: ready at $endpoint"

# --- az, as the owner; the secret is in a file, as arguments are seen by everybody

umask 077
export AZURE_CONFIG_DIR=$dir/az AZURE_CORE_COLLECT_TELEMETRY=false AZURE_CORE_NO_COLOR=true
export AZURE_CORE_ONLY_SHOW_ERRORS=true PYTHONWARNINGS=ignore
az cloud register -n sim --endpoint-resource-manager "$endpoint" --endpoint-management "$endpoint" \
  --endpoint-active-directory "$endpoint/adfs" --endpoint-active-directory-graph-resource-id "$endpoint" \
  --endpoint-active-directory-resource-id "$endpoint" >/dev/null
az cloud set -n sim >/dev/null
printf '%s' "$SIM_OWNER_SECRET" >"$dir/owner"
az login --service-principal -u "$SIM_OWNER_ID" -p "@$dir/owner" --tenant "$SIM_TENANT" >/dev/null
same 'az: login sees the subscription' "$(az account show --query id -o tsv)" "$SIM_SUBSCRIPTION"

# What a person has before: a resource group, and a delegated subnet near an appliance.
az group create -n $group -l northeurope >/dev/null
hub=/subscriptions/$SIM_SUBSCRIPTION/resourceGroups/rg-sdwan-northeurope/providers/Microsoft.Network/virtualNetworks/vnet-sdwan-b
subnet=$hub/subnets/snet-functions
az rest --method put --url "$endpoint$subnet?api-version=2024-05-01" --body '{"properties":{"addressPrefix":"10.2.9.0/27",
  "delegations":[{"name":"functions","properties":{"serviceName":"Microsoft.App/environments"}}]}}' >/dev/null
ok 'az: made a resource group and a delegated subnet'

# --- the configuration: the simulator's own, without what the template sets

"$python" - "$dir/hopguard.yaml" "$dir/deployed.yaml" <<'PYTHON'
import sys, yaml
c = yaml.safe_load(open(sys.argv[1]))
c["azure"] = {"subscriptions": c["azure"]["subscriptions"]} if c.get("azure", {}).get("subscriptions") else {}
c.pop("store", None)
c.pop("api", None)
for g in c["groups"]:
    g["checks"] = [{"kind": "vm-status", "interval": "10s", "confirmInterval": "1s", "fall": 1, "rise": 1}]
yaml.safe_dump(c, open(sys.argv[2], "w"), sort_keys=False)
PYTHON

# --- two deployments

# deploy NAME PARAMETER...: prints the deployment; fails if it has not succeeded.
deploy() {
  local name=$1
  shift
  az deployment group create -g $group -n "$name" --template-file deploy/arm/azuredeploy.json \
    --parameters "configuration=@$dir/deployed.yaml" "subscriptionIds=[\"$SIM_SUBSCRIPTION\"]" "subnetId=$subnet" \
    'alertEmails=["noc@contoso.example"]' 'tags={"team":"network"}' "$@" -o json
}

# everything FILE: what every deployed resource looks like, without times of writing.
everything() {
  az deployment group show -g $group -n hopguard --query 'properties.outputResources[].id' -o tsv >"$dir/ids"
  az deployment operation group list -g $group -n hopguard -o json >"$dir/operations"
  "$python" - "$dir/ids" "$1" <<'PYTHON'
import json, subprocess, sys, os
versions = {"microsoft.managedidentity": "2023-01-31", "microsoft.storage": "2023-05-01", "microsoft.authorization": "2022-04-01",
    "microsoft.resources": "2022-09-01", "microsoft.operationalinsights": "2023-09-01", "microsoft.web": "2024-04-01"}
special = {"components": "2020-02-02", "actiongroups": "2023-01-01", "scheduledqueryrules": "2022-06-15"}
token = json.loads(subprocess.check_output(["az", "account", "get-access-token", "-o", "json"]))["accessToken"]
import ssl, urllib.request
context = ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"])
out = {}
for id in open(sys.argv[1]).read().split():
    parts = id.split("/providers/")[-1].split("/")
    version = special.get(parts[1].lower()) or versions[parts[0].lower()]
    request = urllib.request.Request(os.environ["SIM_URL"] + id + "?api-version=" + version, headers={"Authorization": "Bearer " + token})
    doc = json.load(urllib.request.urlopen(request, context=context))
    for name in ("updatedOn", "updatedBy", "timestamp", "duration", "correlationId", "lastModifiedTimeUtc", "lastModifiedTime"):
        doc.get("properties", {}).pop(name, None)
    out[id] = doc
json.dump(out, open(sys.argv[2], "w"), indent=1, sort_keys=True)
print(len(out))
PYTHON
}

deploy hopguard >"$dir/first.json"
same 'az: the deployment has succeeded' "$(az deployment group show -g $group -n hopguard --query properties.provisioningState -o tsv)" Succeeded
n=$(everything "$dir/before.json")
same 'az: every resource of the template is there, but the package' "$n" 17
same 'az: every operation has succeeded' \
  "$(az deployment operation group list -g $group -n hopguard --query "length([?properties.provisioningState!='Succeeded'])" -o tsv)" 0
if grep -q 'kind: vm-status' "$dir/first.json"; then fail 'the deployment shows the configuration'; fi
ok 'az: the deployment does not show the configuration'

output() { az deployment group show -g $group -n hopguard --query "properties.outputs.$1.value" -o tsv; }
az deployment group show -g $group -n hopguard --query properties.outputs -o json | sed 's/^/   /'
app=$(output functionAppName)
[ -n "$app" ] || fail 'there is no output functionAppName'
ok "az: the app is $app"

deploy hopguard >/dev/null
everything "$dir/after.json" >/dev/null
diff -u "$dir/before.json" "$dir/after.json" >&2 || fail 'the second deployment changed something'
ok 'az: the second deployment changes nothing'

# --- the deployed settings, identity and rights

az rest --method post --url "$endpoint/subscriptions/$SIM_SUBSCRIPTION/resourceGroups/$group/providers/Microsoft.Web/sites/$app/config/appsettings/list?api-version=2024-04-01" \
  >"$dir/settings.json"
# tick WANT: one pass with nothing but the deployed settings, the simulator's addresses, and a folder
# for the records, as no blobs are simulated.
tick() {
  local code=0
  "$python" - "$dir" "$program" >"$dir/tick.log" 2>&1 <<'PYTHON' || code=$?
import json, os, sys
dir, program = sys.argv[1:]
env = {k: v for k, v in json.load(open(dir + "/settings.json"))["properties"].items() if k.startswith("HOPGUARD_")}
assert env.pop("HOPGUARD_STORE_KIND") == "blob" and env.pop("HOPGUARD_STORE_ACCOUNT") and env.pop("HOPGUARD_STORE_CONTAINER") == "records"
env |= {"HOPGUARD_STORE_KIND": "file", "HOPGUARD_STORE_PATH": dir + "/state", "PATH": os.environ["PATH"]}
for name in ("HOPGUARD_AZURE_AUDIENCE", "HOPGUARD_AZURE_AUTHORITY", "HOPGUARD_AZURE_CAFILE", "HOPGUARD_AZURE_ENDPOINT", "IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
    env[name] = os.environ[name]
os.execve(program, [program, "tick"], env)
PYTHON
  [ "$code" = "$1" ] || { sed 's/^/   /' "$dir/tick.log" >&2; fail "hopguard tick ended with code $code, want $1"; }
  ok "hopguard: a tick as the deployed identity ended with code $code"
}
tick 0

vm=/subscriptions/$SIM_SUBSCRIPTION/resourceGroups/mrg-vmx-a/providers/Microsoft.Compute/virtualMachines/vmx-a
az rest --method post --url "$endpoint$vm/powerOff?api-version=2024-07-01" >/dev/null
power() {
  az rest --method get --url "$endpoint$vm/instanceView?api-version=2024-07-01" --query "statuses[?starts_with(code, 'PowerState/')].code | [0]" -o tsv
}
for _ in $(seq 30); do
  [ "$(power)" != PowerState/stopped ] || break
  sleep 0.5
done
same 'az: powered the active appliance off' "$(power)" PowerState/stopped
# 3: the routes agree with the record, and the group has lost its standby.
tick 3
hops=$(az resource list --tag nva_ha_udr=emea --query '[].id' -o tsv | while read -r id; do
  az rest --method get --url "$endpoint$id?api-version=2024-05-01" --query 'properties.routes[].properties.nextHopIpAddress' -o tsv
done | sort -u)
same 'az: every route of the group leads to the other appliance' "$hops" 10.2.0.4

# --- what must fail

if refusal=$(deploy refused instanceMemoryMB=1024 2>&1); then fail "az deployed a size that there is not: $refusal"; fi
case $refusal in
  *InvalidTemplate* | *InvalidTemplateDeployment* | *allowed*) ok 'az: a size that there is not is refused' ;;
  *) fail "az was refused for another reason: $refusal" ;;
esac
if refusal=$(deploy refused 'resourceGroupIds=["/subscriptions/'"$SIM_SUBSCRIPTION"'/resourceGroups/nowhere"]' 2>&1); then
  fail "az deployed to a resource group that is not there: $refusal"
fi
case $refusal in
  *DeploymentFailed*nowhere* | *nowhere*could\ not\ be\ found*) ok 'az: a resource group that is not there is named' ;;
  *) fail "az failed for another reason: $refusal" ;;
esac

# --- and away again

az deployment group delete -g $group -n hopguard >/dev/null
same 'az: the deployment is forgotten' "$(az deployment group list -g $group --query "length([?name=='hopguard'])" -o tsv)" 0
az group delete -n $group --yes >/dev/null
same 'az: the resource group is gone' "$(az group exists -n $group)" false
same 'az: nothing of it is left' "$(az resource list --query "length([?contains(id, '/resourceGroups/$group/')])" -o tsv)" 0

passed
