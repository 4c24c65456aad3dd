#!/usr/bin/env bash
# Usage: scripts/e2e-clients.sh [PROGRAM]
#
# Microsoft's own clients, unchanged, against `hopguard sim`, and a failover among them:
# the Python SDK (Debian's python3-azure) and az (Debian's azure-cli) explore the
# simulator, az powers the active appliance off, one `hopguard tick` moves the routes,
# and the Python SDK reads back what Azure says then. A second tick must write nothing.
#
# PROGRAM is bin/hopguard by default. Everything lives in a temporary folder and on
# loopback. Prints "N passed, 0 failed" and exits 0, or shows what differed and exits 1.
set -euo pipefail
cd "$(dirname "$0")/.."

program=$(realpath "${1:-bin/hopguard}")
# Debian's packages are the system Python's; another one in PATH does not see them.
python=/usr/bin/python3
name=e2e-clients
last=sim.log
. scripts/e2e.sh

# sdk STEP FILE: one step of e2e_clients.py, its checks counted.
sdk() { "$python" -B -W ignore scripts/e2e_clients.py "$1" "$2" | tee -a "$dir/passed"; }

# --- the simulator

"$program" sim --listen 127.0.0.1:0 --dir "$dir" >"$dir/sim.out" 2>"$dir/sim.log" &
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

# --- the Python SDK

sdk explore "$dir/unused"
sdk config "$dir/group.yaml"
sdk before "$dir/before.json"

# --- az, with a configuration of its own

export AZURE_CONFIG_DIR=$dir/az AZURE_CORE_COLLECT_TELEMETRY=false AZURE_CORE_NO_COLOR=true
export AZURE_CORE_ONLY_SHOW_ERRORS=true PYTHONWARNINGS=ignore
az cloud register -n sim --endpoint-resource-manager "$endpoint" --endpoint-management "$endpoint" \
  --endpoint-active-directory "$endpoint/adfs" --endpoint-active-directory-graph-resource-id "$endpoint" \
  --endpoint-active-directory-resource-id "$endpoint" >/dev/null
az cloud set -n sim >/dev/null
# az takes MSI_ENDPOINT for App Service's only where App Service says that it is there.
export APPSETTING_WEBSITE_SITE_NAME=hopguard
az login --identity >/dev/null
same 'az: login --identity sees the subscription' "$(az account show --query id -o tsv)" "$SIM_SUBSCRIPTION"

groups=$(az group list --query 'length(@)' -o tsv)
[ "$groups" -gt 0 ] || fail "az group list: $groups groups"
ok "az: group list has $groups groups"

tables=$("$python" -c '
import json, sys
print("\n".join(sorted(t["name"] for t in json.load(open(sys.argv[1]))["tables"].values()
                       if t.get("tags", {}).get("nva_ha_udr") == "emea")))' "$dir/before.json")
same 'az: resource list --tag has the tables of the group' \
  "$(az resource list --tag nva_ha_udr=emea --query 'sort([].name)' -o tsv)" "$tables"

vm=$("$python" -c '
import json, sys
print(json.load(open(sys.argv[1]))["groups"][0]["members"][0]["vm"])' "$dir/group.yaml")
compute=api-version=2024-07-01
power() {
  az rest --method get --url "$endpoint$vm/instanceView?$compute" \
    --query "statuses[?starts_with(code, 'PowerState/')].code | [0]" -o tsv
}
same 'az: rest reads the power state' "$(power)" PowerState/running

if refusal=$(az rest --method post --url "$endpoint$vm/powerOff?$compute" 2>&1); then
  fail "az rest powered off with the controller's identity: $refusal"
fi
case $refusal in
  *AuthorizationFailed*) ok "az: the controller's identity may not power off" ;;
  *) fail "az rest was refused for another reason: $refusal" ;;
esac

# --- the failover

# tick WANT...: one pass of the controller, which must end with one of these codes.
tick() {
  local code=0
  "$program" tick --config "$dir/group.yaml" >"$dir/tick.log" 2>&1 || code=$?
  case " $* " in
    *" $code "*) ok "hopguard: tick ended with code $code" ;;
    *) sed 's/^/   /' "$dir/tick.log" >&2; fail "hopguard tick ended with code $code, want $*" ;;
  esac
}

tick 0
sdk settled "$dir/before.json"

# As the owner, whose token goes into a file: arguments are seen by everybody.
umask 077
"$python" -B -W ignore scripts/e2e_clients.py token "$dir/authorization.json"
az rest --method post --url "$endpoint$vm/powerOff?$compute" --skip-authorization-header \
  --headers "@$dir/authorization.json" >/dev/null
for _ in $(seq 30); do
  [ "$(power)" != PowerState/stopped ] || break
  sleep 0.5
done
same 'az: rest powered the active appliance off' "$(power)" PowerState/stopped

# 3: the routes agree with the record, and the group has lost its standby.
tick 3
sdk after "$dir/before.json"
sdk record "$dir/after.json"
tick 3
sdk settled "$dir/after.json"

passed
