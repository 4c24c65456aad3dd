output "member" {
  description = "The appliance: its machine, the address that routes point at, its network."
  value = var.existing != null ? var.existing : {
    vm_id              = "/subscriptions/${var.subscription_id}/resourceGroups/${local.managed_group}/providers/Microsoft.Compute/virtualMachines/${var.name}"
    address            = data.azurerm_virtual_machine.vmx[0].private_ip_address
    virtual_network_id = azurerm_virtual_network.hub[0].id
    address_space      = var.address_space
  }
}
