output "configuration" {
  description = "hopguard's configuration."
  value       = local.configuration
}

output "identity_client_id" {
  description = "The identity that hopguard signs in with."
  value       = azurerm_user_assigned_identity.hopguard.client_id
}

output "host" {
  description = "What was made for the host that was chosen."
  value = {
    kind = var.host
    name = try(azurerm_function_app_flex_consumption.hopguard[0].name, azurerm_container_app.hopguard[0].name, azurerm_linux_virtual_machine.hopguard[0].name)
  }
}

output "actions" {
  description = "All that hopguard's roles allow."
  value = sort(distinct(concat(
    tolist(azurerm_role_definition.watch.permissions[0].actions),
    tolist(azurerm_role_definition.move.permissions[0].actions),
  )))
}

output "next_step" {
  description = "What is left to do by hand."
  value = {
    functions     = "az functionapp deployment source config-zip -g ${var.resource_group_name} -n ${try(azurerm_function_app_flex_consumption.hopguard[0].name, "")} --src bin/hopguard-functions-linux-amd64.zip"
    container_app = "nothing"
    vm            = "nothing"
  }[var.host]
}
