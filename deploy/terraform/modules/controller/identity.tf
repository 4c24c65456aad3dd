# Who hopguard is, and what it may do: docs/permissions.md says why it needs what.

locals {
  subscription = "/subscriptions/${var.subscription_id}"
}

resource "azurerm_user_assigned_identity" "hopguard" {
  name                = "${var.name}-controller"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags
}

# Reading is for the whole subscription: a vMX is in a group that its publisher manages, where no role
# can be assigned, and one list tells the power of all machines.
resource "azurerm_role_definition" "watch" {
  name              = "${var.name}-watch-${local.unique}"
  scope             = local.subscription
  description       = "Watch two appliances and find the route tables that lead to them."
  assignable_scopes = [local.subscription]

  permissions {
    actions = [
      "Microsoft.Compute/virtualMachines/read",
      "Microsoft.Network/networkInterfaces/read",
      "Microsoft.Network/networkInterfaces/effectiveRouteTable/action",
      "Microsoft.Network/routeTables/read",
    ]
  }
}

# Writing is only where the tables are.
resource "azurerm_role_definition" "move" {
  name              = "${var.name}-move-${local.unique}"
  scope             = local.subscription
  description       = "Move the next hops of route tables."
  assignable_scopes = [local.subscription]

  permissions {
    actions = [
      "Microsoft.Network/routeTables/read",
      "Microsoft.Network/routeTables/write",
    ]
  }
}

resource "azurerm_role_assignment" "watch" {
  scope              = local.subscription
  role_definition_id = azurerm_role_definition.watch.role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.hopguard.principal_id
  principal_type     = "ServicePrincipal"
}

resource "azurerm_role_assignment" "move" {
  for_each = var.route_table_groups

  scope              = each.value
  role_definition_id = azurerm_role_definition.move.role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.hopguard.principal_id
  principal_type     = "ServicePrincipal"
}

# The container with the records and leases, and nothing else.
resource "azurerm_role_assignment" "records" {
  scope                = azurerm_storage_container.records.id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = azurerm_user_assigned_identity.hopguard.principal_id
  principal_type       = "ServicePrincipal"
}
