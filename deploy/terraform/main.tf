locals {
  preferred = var.preferred != "" ? var.preferred : sort(keys(var.hubs))[0]
  # What the hubs have in common, as the spokes and the controller see them.
  members = { for name, hub in module.hub : name => hub.member }
}

resource "azurerm_marketplace_agreement" "vmx" {
  count = var.accept_marketplace_terms && anytrue([for h in var.hubs : h.existing == null]) ? 1 : 0

  publisher = "cisco"
  offer     = "cisco-meraki-vmx"
  plan      = "cisco-meraki-vmx"
}

module "hub" {
  source   = "./modules/sdwan-hub"
  for_each = var.hubs

  subscription_id = var.subscription_id
  name            = each.key
  prefix          = var.name
  location        = each.value.location
  address_space   = each.value.address_space
  subnet          = each.value.subnet
  existing        = each.value.existing
  size            = each.value.size
  zone            = each.value.zone
  plan_version    = var.vmx_version
  token           = lookup(var.vmx_tokens, each.key, "")
  tags            = var.tags

  depends_on = [azurerm_marketplace_agreement.vmx]
}

module "spoke" {
  source   = "./modules/spoke"
  for_each = var.spokes

  name          = each.key
  prefix        = var.name
  location      = each.value.location
  address_space = each.value.address_space
  subnets       = { for name, cidr in each.value.subnets : name => { prefix = cidr } }
  existing      = each.value.existing
  hubs          = local.members
  next_hop      = local.members[local.preferred].address
  tag           = { name = var.tag, value = var.group }
  prefixes      = var.branch_prefixes
  tags          = var.tags
}

# The controller has a network like a workload's, without a route table: its checks reach both
# appliances, and its own traffic never depends on the one that it judges.
module "controller_network" {
  source = "./modules/spoke"

  name          = "controller"
  prefix        = var.name
  location      = var.controller.location
  address_space = [var.controller.address_space]
  subnets = {
    # A host has a subnet of its own, so that another one can be made while this one is there.
    (var.controller.host) = {
      prefix = cidrsubnet(
        var.controller.address_space,
        26 - tonumber(split("/", var.controller.address_space)[1]),
        index(["functions", "container_app", "vm"], var.controller.host),
      )
      delegate = var.controller.host == "vm" ? null : "Microsoft.App/environments"
    }
  }
  hubs = local.members
  tags = var.tags
}

module "controller" {
  source = "./modules/controller"

  name                = var.name
  host                = var.controller.host
  location            = var.controller.location
  resource_group_name = module.controller_network.resource_group_name
  subnet_id           = module.controller_network.subnet_ids[var.controller.host]
  subscription_id     = var.subscription_id
  group               = var.group
  preferred           = local.preferred
  members             = { for name, m in local.members : name => m.vm_id }
  tag                 = var.tag
  # Where there are tables to write. They are looked for in the whole subscription.
  route_table_groups = { for name, s in module.spoke : name => s.resource_group_id }
  checks             = var.checks
  group_settings     = var.group_settings
  alert_emails       = var.alert_emails
  image              = var.controller.image
  binary_url         = var.controller.binary_url
  binary_sha256      = var.controller.binary_sha256
  ssh_public_key     = var.controller.ssh_public_key
  tags               = var.tags
}
