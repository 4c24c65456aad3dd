# A workload network: peered with both hubs, and with a route table that hopguard moves.

locals {
  new   = var.existing == null
  table = var.tag == null ? 0 : 1

  network_id = local.new ? azurerm_virtual_network.spoke[0].id : var.existing.virtual_network_id
  # Group and name of a network follow from its id.
  network = {
    group = local.new ? azurerm_resource_group.spoke.name : split("/", var.existing.virtual_network_id)[4]
    name  = local.new ? azurerm_virtual_network.spoke[0].name : split("/", var.existing.virtual_network_id)[8]
    space = local.new ? var.address_space : var.existing.address_space
  }
  routed = local.new ? { for name, s in azurerm_subnet.spoke : name => s.id } : var.existing.subnet_ids
}

resource "azurerm_resource_group" "spoke" {
  name     = "${var.prefix}-${var.name}"
  location = var.location
  tags     = var.tags
}

resource "azurerm_virtual_network" "spoke" {
  count = local.new ? 1 : 0

  name                = "${var.prefix}-${var.name}"
  resource_group_name = azurerm_resource_group.spoke.name
  location            = var.location
  address_space       = var.address_space
  tags                = var.tags
}

resource "azurerm_subnet" "spoke" {
  for_each = local.new ? var.subnets : {}

  name                 = each.key
  resource_group_name  = azurerm_resource_group.spoke.name
  virtual_network_name = azurerm_virtual_network.spoke[0].name
  address_prefixes     = [each.value.prefix]

  dynamic "delegation" {
    for_each = each.value.delegate == null ? [] : [each.value.delegate]

    content {
      name = "delegation"

      service_delegation {
        name    = delegation.value
        actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
      }
    }
  }
}

resource "azurerm_virtual_network_peering" "to_hub" {
  for_each = var.hubs

  name                         = "to-${each.key}"
  resource_group_name          = local.network.group
  virtual_network_name         = local.network.name
  remote_virtual_network_id    = each.value.virtual_network_id
  allow_virtual_network_access = true
  # Replies of a branch come from the appliance, which did not send the questions.
  allow_forwarded_traffic = true

  # A new prefix of the other side needs this half to be written again.
  triggers = {
    remote_address_space = join(",", each.value.address_space)
  }

  depends_on = [azurerm_subnet.spoke]
}

resource "azurerm_virtual_network_peering" "from_hub" {
  for_each = var.hubs

  name                         = "to-${var.prefix}-${var.name}"
  resource_group_name          = split("/", each.value.virtual_network_id)[4]
  virtual_network_name         = split("/", each.value.virtual_network_id)[8]
  remote_virtual_network_id    = local.network_id
  allow_virtual_network_access = true
  allow_forwarded_traffic      = true

  triggers = {
    remote_address_space = join(",", local.network.space)
  }

  # Two halves of one pair at once are refused.
  depends_on = [azurerm_virtual_network_peering.to_hub]
}

resource "azurerm_route_table" "spoke" {
  count = local.table

  name                = "${var.prefix}-${var.name}"
  resource_group_name = azurerm_resource_group.spoke.name
  location            = var.location
  tags                = merge(var.tags, { (var.tag.name) = var.tag.value })
}

resource "azurerm_route" "branch" {
  for_each = local.table == 1 ? var.prefixes : []

  name                   = replace(each.value, "/[./]/", "-")
  resource_group_name    = azurerm_resource_group.spoke.name
  route_table_name       = azurerm_route_table.spoke[0].name
  address_prefix         = each.value
  next_hop_type          = "VirtualAppliance"
  next_hop_in_ip_address = var.next_hop

  lifecycle {
    # hopguard moves the routes: a failover is no drift, and Terraform must not undo it. A new route
    # may point at the wrong appliance until hopguard's next tick.
    ignore_changes = [next_hop_in_ip_address]
  }
}

resource "azurerm_subnet_route_table_association" "spoke" {
  for_each = local.table == 1 ? local.routed : {}

  subnet_id      = each.value
  route_table_id = azurerm_route_table.spoke[0].id

  # A table takes effect with all its routes.
  depends_on = [azurerm_route.branch]
}
