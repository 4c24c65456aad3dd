"""Microsoft's Python SDK, unchanged, against an endpoint that speaks Azure Resource Manager.

Usage: e2e_clients.py STEP FILE

The steps, in order, around a failover that somebody else brings about:

    explore   reads and writes everything a controller touches, and puts it back
    config    writes a hopguard configuration for what it found to FILE
    before    records every route table in FILE; the group's must use the active appliance
    record    records every route table in FILE
    token     writes the headers of a request by the owner to FILE
    after     compares every route table with FILE: the group's routes that pointed at
              the dead appliance point at the other one, and nothing else has changed
    settled   compares every route table with FILE, etags included: nothing was written

The environment names the endpoint: HOPGUARD_AZURE_ENDPOINT, REQUESTS_CA_BUNDLE,
IDENTITY_ENDPOINT, IDENTITY_HEADER, SIM_SUBSCRIPTION, SIM_TENANT, SIM_OWNER_ID and
SIM_OWNER_SECRET. Each check prints one line "ok ..."; the first that fails ends the
program with its difference and exit code 1.
"""

import json
import os
import sys

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential, ManagedIdentityCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.resource import ResourceManagementClient, SubscriptionClient

ENDPOINT = os.environ["HOPGUARD_AZURE_ENDPOINT"].rstrip("/")
SUBSCRIPTION = os.environ["SIM_SUBSCRIPTION"]
AUDIENCE = "https://management.azure.com/.default"

TAG, GROUP = "nva_ha_udr", "emea"
ACTIVE, STANDBY = "vmx-a", "vmx-b"


class Clients:
    """The management clients of one identity. They poll as fast as the service allows."""

    def __init__(self, credential):
        common = {"base_url": ENDPOINT, "credential_scopes": [AUDIENCE], "polling_interval": 1}
        self.subscriptions = SubscriptionClient(credential, **common).subscriptions
        self.compute = ComputeManagementClient(credential, SUBSCRIPTION, **common)
        self.network = NetworkManagementClient(credential, SUBSCRIPTION, **common)
        self.resource = ResourceManagementClient(credential, SUBSCRIPTION, **common)


def hopguard():
    """The identity that the controller has: managed, with the least rights."""
    return Clients(ManagedIdentityCredential())


def owner():
    """The identity of a person who may do everything."""
    return Clients(owner_credential())


def owner_credential():
    return ClientSecretCredential(
        os.environ["SIM_TENANT"],
        os.environ["SIM_OWNER_ID"],
        os.environ["SIM_OWNER_SECRET"],
        authority=ENDPOINT,
        instance_discovery=False,  # Debian's version; newer ones: disable_instance_discovery=True
    )


def check(what, got, want):
    """One fact: prints it, or ends the program with the difference."""
    if got != want:
        sys.exit(f"FAIL python: {what}\n  got  {got!r}\n  want {want!r}")
    print(f"ok python: {what}", flush=True)


def refused(what, call, status, code):
    """A call that must fail with the status and code of the real service."""
    try:
        call()
    except HttpResponseError as e:
        check(what, (e.status_code, e.error and e.error.code), (status, code))
        return e
    sys.exit(f"FAIL python: {what}: the call went through, want {status} {code}")


def group_of(resource_id):
    """The resource group in an id, as written there."""
    return resource_id.split("/")[4]


def by_name(items):
    return {item.name: item for item in items}


def address(clients, vm):
    """The address that routes use for an appliance: its primary NIC's primary one."""
    nic_id = vm.network_profile.network_interfaces[0].id
    nic = clients.network.network_interfaces.get(group_of(nic_id), nic_id.split("/")[-1])
    return next(c.private_ip_address for c in nic.ip_configurations if c.primary)


def managed(table):
    return (table.tags or {}).get(TAG) == GROUP


def snapshot(clients):
    """Every route table as the SDK sees it, read one by one: lists may lag."""
    tables = {}
    for listed in clients.network.route_tables.list_all():
        table = clients.network.route_tables.get(group_of(listed.id), listed.name)
        tables[table.id] = table.as_dict()
    return tables


# --- explore


def explore(_):
    """Reads and writes everything that a controller touches."""
    least, everything = hopguard(), owner()
    explore_machines(least)
    explore_tables(least, everything)
    explore_generic(least, everything)
    explore_writes(everything)
    explore_refusals(least, everything)


def explore_machines(clients):
    machines = by_name(clients.compute.virtual_machines.list_all())
    check("list_all finds both appliances", sorted({ACTIVE, STANDBY} & machines.keys()), [ACTIVE, STANDBY])
    group = group_of(machines[ACTIVE].id)
    check(
        "list of a resource group finds its appliance",
        ACTIVE in by_name(clients.compute.virtual_machines.list(group)),
        True,
    )
    powers = {
        vm.name: [s.code for s in vm.instance_view.statuses if s.code.startswith("PowerState/")]
        for vm in clients.compute.virtual_machines.list_all(status_only="true")
    }
    check("a status-only list has every power state", powers[ACTIVE], ["PowerState/running"])
    vm = clients.compute.virtual_machines.get(group, ACTIVE, expand="instanceView")
    check(
        "get with instanceView has provisioning and power",
        [s.code for s in vm.instance_view.statuses],
        ["ProvisioningState/succeeded", "PowerState/running"],
    )
    view = clients.compute.virtual_machines.instance_view(group, ACTIVE)
    check("instance_view has the power state", view.statuses[-1].display_status, "VM running")

    nic_id = vm.network_profile.network_interfaces[0].id
    nic = clients.network.network_interfaces.get(group_of(nic_id), nic_id.split("/")[-1])
    check("the appliance's NIC forwards", nic.enable_ip_forwarding, True)
    check("the NIC belongs to the appliance", nic.virtual_machine.id.lower(), vm.id.lower())
    check(
        "list_all of NICs has the same NIC",
        nic.name in by_name(clients.network.network_interfaces.list_all()),
        True,
    )
    routes = clients.network.network_interfaces.begin_get_effective_route_table(
        group_of(nic_id), nic.name
    ).result()
    check("the NIC's effective routes are there", len(routes.value) > 0, True)


def explore_tables(least, everything):
    tables = [t for t in least.network.route_tables.list_all() if managed(t)]
    check("list_all has the group's tables, with their tags", len(tables) > 0, True)
    listed = tables[0]
    group = group_of(listed.id)
    check("list of a resource group has it", listed.name in by_name(least.network.route_tables.list(group)), True)
    table = least.network.route_tables.get(group, listed.name)
    check("get agrees with list", (table.id, len(table.routes)), (listed.id, len(listed.routes)))
    route = table.routes[0]
    got = everything.network.routes.get(group, table.name, route.name)
    check("get of one route agrees with its table", got.next_hop_ip_address, route.next_hop_ip_address)
    check("an etag is weak and quoted", table.etag[:3] + table.etag[-1], 'W/""')


def explore_generic(least, everything):
    check(
        "the subscription is visible",
        SUBSCRIPTION in [s.subscription_id for s in least.subscriptions.list()],
        True,
    )
    groups = by_name(least.resource.resource_groups.list())
    tables = {t.id.lower() for t in everything.network.route_tables.list_all() if managed(t)}
    check("every table is in a listed resource group", {group_of(t) for t in tables} - {g.lower() for g in groups}, set())
    tagged = everything.resource.resources.list(filter=f"tagName eq '{TAG}' and tagValue eq '{GROUP}'")
    check("resources by tag and value are the group's tables", {r.id.lower() for r in tagged}, tables)


def explore_writes(clients):
    tables = clients.network.route_tables
    listed = next(t for t in tables.list_all() if managed(t))
    group, name = group_of(listed.id), listed.name
    original = tables.get(group, name)

    # One route: a child PUT and a DELETE, each polled to its end.
    probe = {"address_prefix": "192.0.2.0/24", "next_hop_type": "VirtualAppliance", "next_hop_ip_address": "10.1.0.4"}
    route = clients.network.routes.begin_create_or_update(group, name, "e2e", probe).result()
    check("a route PUT is polled to Succeeded", route.provisioning_state, "Succeeded")
    changed = tables.get(group, name)
    check("the table has the route", "e2e" in by_name(changed.routes), True)
    check("the write changed the table's etag", changed.etag != original.etag, True)
    clients.network.routes.begin_delete(group, name, "e2e").result()
    check("a route DELETE takes it away", "e2e" in by_name(tables.get(group, name).routes), False)

    # A whole table: a PUT with If-Match, then tags by PATCH.
    table = tables.get(group, name)
    stale, table.tags["e2e"] = table.etag, "put"
    done = tables.begin_create_or_update(group, name, table, headers={"If-Match": table.etag}).result()
    check("a table PUT is polled to Succeeded", (done.provisioning_state, done.tags.get("e2e")), ("Succeeded", "put"))
    check("it kept the routes", [r.as_dict().get("name") for r in done.routes], [r.name for r in original.routes])
    refused(
        "a PUT with a stale etag is refused",
        lambda: tables.begin_create_or_update(group, name, table, headers={"If-Match": stale}),
        412,
        "PreconditionFailed",
    )
    tags = tables.update_tags(group, name, {"tags": original.tags}).tags
    check("a tags PATCH puts the tags back", tags, original.tags)


def explore_refusals(least, everything):
    vm = by_name(least.compute.virtual_machines.list_all())[STANDBY]
    denied = refused(
        "the controller's identity may not power off",
        lambda: least.compute.virtual_machines.begin_power_off(group_of(vm.id), vm.name),
        403,
        "AuthorizationFailed",
    )
    check("the refusal names the action", "Microsoft.Compute/virtualMachines/powerOff/action" in denied.message, True)
    try:
        everything.network.route_tables.get(group_of(vm.id), "no-such-table")
    except ResourceNotFoundError as e:
        check("a missing table is ResourceNotFound", e.error.code, "ResourceNotFound")
    else:
        sys.exit("FAIL python: a missing table was found")


# --- the failover


def config(path):
    """Writes the configuration of the group for hopguard."""
    machines = by_name(hopguard().compute.virtual_machines.list_all())
    document = {
        "azure": {"credential": "managed-identity", "subscriptions": [SUBSCRIPTION]},
        "groups": [
            {
                "name": GROUP,
                "preferred": ACTIVE,
                "members": [{"name": n, "vm": machines[n].id} for n in (ACTIVE, STANDBY)],
                "routes": {"tag": {"name": TAG, "value": GROUP}},
                "checks": [
                    {"kind": "vm-status", "interval": "10s", "confirmInterval": "1s", "fall": 3, "rise": 2}
                ],
            }
        ],
        "store": {"kind": "file", "path": os.path.join(os.path.dirname(os.path.abspath(path)), "state")},
    }
    with open(path, "w", encoding="utf-8") as f:
        json.dump(document, f, indent=2)  # JSON is YAML
    print(f"ok python: wrote the configuration of group {GROUP}", flush=True)


def record(path):
    """Records what every route table looks like, and where the appliances are."""
    clients = hopguard()
    machines = by_name(clients.compute.virtual_machines.list_all())
    addresses = {n: address(clients, machines[n]) for n in (ACTIVE, STANDBY)}
    tables = snapshot(clients)
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"addresses": addresses, "tables": tables}, f)
    return addresses, tables


def before(path):
    """Records the state before the failover, in which there must be something to move."""
    addresses, tables = record(path)
    moving = sum(
        r.get("next_hop_ip_address") == addresses[ACTIVE]
        for t in tables.values()
        if t.get("tags", {}).get(TAG) == GROUP
        for r in t["routes"]
    )
    check("routes of the group point at the active appliance", moving > 0, True)
    print(f"   {moving} routes of group {GROUP} through {addresses[ACTIVE]}, {len(tables)} tables in all", flush=True)


def after(path):
    """Compares every table with the record: only the group's next hops moved."""
    with open(path, encoding="utf-8") as f:
        recorded = json.load(f)
    source, target = recorded["addresses"][ACTIVE], recorded["addresses"][STANDBY]
    now = snapshot(hopguard())
    check("no table came or went", sorted(now), sorted(recorded["tables"]))
    for key, old in recorded["tables"].items():
        ours = old.get("tags", {}).get(TAG) == GROUP
        want = strip(old)
        if ours:
            for route in want["routes"]:
                if route.get("next_hop_ip_address") == source:
                    route["next_hop_ip_address"] = target
            check(f"{old['name']}: moved to {target}, and nothing else changed", strip(now[key]), want)
        else:
            check(f"{old['name']}: of nobody or of another group, not written", now[key], old)


def token(path):
    """Writes the headers of a request by the owner, for a client that takes them."""
    headers = {"Authorization": f"Bearer {owner_credential().get_token(AUDIENCE).token}"}
    with open(path, "w", encoding="utf-8") as f:
        json.dump(headers, f)


def settled(path):
    """Compares every table with the record, etags and all."""
    with open(path, encoding="utf-8") as f:
        recorded = json.load(f)
    check("nothing was written since", snapshot(hopguard()), recorded["tables"])


def strip(table):
    """A copy of a table without its etags, which every write changes."""
    copy = json.loads(json.dumps(table))
    copy.pop("etag")  # always there; a KeyError otherwise
    for child in copy["routes"]:
        child.pop("etag", None)
    return copy


STEPS = {f.__name__: f for f in (explore, config, before, record, token, after, settled)}

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in STEPS:
        sys.exit(__doc__)
    STEPS[sys.argv[1]](sys.argv[2])
