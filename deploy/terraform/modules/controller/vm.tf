# A machine with the systemd unit. Nobody can reach it but over the network it is in.

locals {
  vm = var.host == "vm" ? 1 : 0
}

resource "azurerm_network_security_group" "vm" {
  count = local.vm

  name                = "${var.name}-controller"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  security_rule {
    name                       = "deny-internet"
    priority                   = 4000
    direction                  = "Inbound"
    access                     = "Deny"
    protocol                   = "*"
    source_port_range          = "*"
    destination_port_range     = "*"
    source_address_prefix      = "Internet"
    destination_address_prefix = "*"
  }
}

resource "azurerm_network_interface" "vm" {
  count = local.vm

  name                = "${var.name}-controller"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  ip_configuration {
    name                          = "primary"
    subnet_id                     = var.subnet_id
    private_ip_address_allocation = "Dynamic"
  }
}

resource "azurerm_network_interface_security_group_association" "vm" {
  count = local.vm

  network_interface_id      = azurerm_network_interface.vm[0].id
  network_security_group_id = azurerm_network_security_group.vm[0].id
}

resource "azurerm_linux_virtual_machine" "hopguard" {
  count = local.vm

  name                  = "${var.name}-controller"
  resource_group_name   = var.resource_group_name
  location              = var.location
  size                  = "Standard_B2ls_v2"
  admin_username        = "hopguard-admin"
  network_interface_ids = [azurerm_network_interface.vm[0].id]
  tags                  = var.tags

  # Another configuration or program makes another machine: the records are elsewhere.
  custom_data = base64encode(templatefile("${path.module}/cloud-init.yaml.tftpl", {
    configuration = local.configuration
    unit          = file("${path.module}/../../../systemd/hopguard.service")
    url           = var.binary_url
    sha256        = var.binary_sha256
  }))

  admin_ssh_key {
    username   = "hopguard-admin"
    public_key = var.ssh_public_key
  }

  os_disk {
    caching              = "ReadWrite"
    storage_account_type = "StandardSSD_LRS"
  }

  source_image_reference {
    publisher = "Debian"
    offer     = "debian-12"
    sku       = "12-gen2"
    version   = "latest"
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.hopguard.id]
  }

  lifecycle {
    precondition {
      condition     = var.binary_url != null && var.binary_sha256 != null && var.ssh_public_key != null
      error_message = "controller: vm needs binary_url, binary_sha256 and ssh_public_key."
    }
  }
}
