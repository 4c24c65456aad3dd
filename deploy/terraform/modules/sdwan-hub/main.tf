# One SD-WAN network with a Meraki vMX, or an appliance that exists.

locals {
  new = var.existing == null ? 1 : 0
  # Its publisher manages this group: others can read there, and change nothing.
  managed_group = "${var.prefix}-${var.name}-vmx"
}

resource "azurerm_resource_group" "hub" {
  count = local.new

  name     = "${var.prefix}-${var.name}"
  location = var.location
  tags     = var.tags
}

resource "azurerm_virtual_network" "hub" {
  count = local.new

  name                = "${var.prefix}-${var.name}"
  resource_group_name = azurerm_resource_group.hub[0].name
  location            = var.location
  address_space       = var.address_space
  tags                = var.tags
}

resource "azurerm_subnet" "sdwan" {
  count = local.new

  name                 = "sdwan"
  resource_group_name  = azurerm_resource_group.hub[0].name
  virtual_network_name = azurerm_virtual_network.hub[0].name
  address_prefixes     = [var.subnet]
}

resource "azurerm_managed_application" "vmx" {
  count = local.new

  name                        = "${var.prefix}-${var.name}"
  resource_group_name         = azurerm_resource_group.hub[0].name
  location                    = var.location
  kind                        = "MarketPlace"
  managed_resource_group_name = local.managed_group
  tags                        = var.tags

  plan {
    publisher = "cisco"
    product   = "cisco-meraki-vmx"
    name      = "cisco-meraki-vmx"
    version   = var.plan_version
  }

  parameter_values = jsonencode({
    location                    = { value = var.location }
    vmName                      = { value = var.name }
    merakiAuthToken             = { value = var.token }
    zone                        = { value = var.zone }
    virtualNetworkName          = { value = azurerm_virtual_network.hub[0].name }
    virtualNetworkNewOrExisting = { value = "existing" }
    virtualNetworkAddressPrefix = { value = var.address_space[0] }
    virtualNetworkResourceGroup = { value = azurerm_resource_group.hub[0].name }
    virtualMachineSize          = { value = var.size }
    subnetName                  = { value = azurerm_subnet.sdwan[0].name }
    subnetAddressPrefix         = { value = var.subnet }
    applicationResourceName     = { value = "${var.prefix}-${var.name}" }
    managedResourceGroupId      = { value = "/subscriptions/${var.subscription_id}/resourceGroups/${local.managed_group}" }
  })

  lifecycle {
    # The token is of use once and ends after an hour; another one would deploy the application again.
    ignore_changes = [parameter_values]

    precondition {
      condition     = var.token != ""
      error_message = "vmx_tokens has no token for the hub ${var.name}. Generate one in the Meraki Dashboard less than an hour before apply."
    }
  }
}

data "azurerm_virtual_machine" "vmx" {
  count = local.new

  name                = var.name
  resource_group_name = local.managed_group

  depends_on = [azurerm_managed_application.vmx]
}
