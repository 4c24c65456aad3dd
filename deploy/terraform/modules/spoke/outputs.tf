output "resource_group_name" {
  description = "The resource group of what was made."
  value       = azurerm_resource_group.spoke.name
}

output "resource_group_id" {
  description = "The same, by id."
  value       = azurerm_resource_group.spoke.id
}

output "subnet_ids" {
  description = "The subnets by name."
  value       = local.routed
}

output "route_table_id" {
  description = "The route table, null if there is none."
  value       = local.table == 1 ? azurerm_route_table.spoke[0].id : null
}
