# What the provider would learn from Azure, where another resource wants it to look real.

mock_resource "azurerm_resource_group" {
  defaults = { id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/mock" }
}

mock_resource "azurerm_virtual_network" {
  defaults = { id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/mock/providers/Microsoft.Network/virtualNetworks/mock" }
}

mock_resource "azurerm_subnet" {
  defaults = { id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/mock/providers/Microsoft.Network/virtualNetworks/mock/subnets/mock" }
}

mock_resource "azurerm_route_table" {
  defaults = { id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/mock/providers/Microsoft.Network/routeTables/mock" }
}

mock_resource "azurerm_managed_application" {
  defaults = { id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/mock/providers/Microsoft.Solutions/applications/mock" }
}

mock_resource "azurerm_user_assigned_identity" {
  defaults = {
    id           = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/mock/providers/Microsoft.ManagedIdentity/userAssignedIdentities/mock"
    client_id    = "c1e00001-0000-4000-8000-000000000001"
    principal_id = "0b1d0001-0000-4000-8000-000000000001"
  }
}

mock_resource "azurerm_role_definition" {
  defaults = { role_definition_resource_id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/providers/Microsoft.Authorization/roleDefinitions/11111111-2222-4333-8444-555555555555" }
}

mock_resource "azurerm_storage_account" {
  defaults = {
    id                    = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/mock/providers/Microsoft.Storage/storageAccounts/mock"
    primary_blob_endpoint = "https://mock.blob.core.windows.net/"
    primary_access_key    = "bW9jaw=="
  }
}

mock_resource "azurerm_storage_container" {
  defaults = { id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/mock/providers/Microsoft.Storage/storageAccounts/mock/blobServices/default/containers/mock" }
}

mock_resource "azurerm_service_plan" {
  defaults = { id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/mock/providers/Microsoft.Web/serverFarms/mock" }
}

mock_resource "azurerm_log_analytics_workspace" {
  defaults = { id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/mock/providers/Microsoft.OperationalInsights/workspaces/mock" }
}

mock_resource "azurerm_application_insights" {
  defaults = {
    id                = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/mock/providers/Microsoft.Insights/components/mock"
    connection_string = "InstrumentationKey=00000000-0000-0000-0000-000000000000"
  }
}

mock_resource "azurerm_monitor_action_group" {
  defaults = { id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/mock/providers/Microsoft.Insights/actionGroups/mock" }
}

mock_resource "azurerm_container_app_environment" {
  defaults = { id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/mock/providers/Microsoft.App/managedEnvironments/mock" }
}

mock_resource "azurerm_network_interface" {
  defaults = { id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/mock/providers/Microsoft.Network/networkInterfaces/mock" }
}

mock_resource "azurerm_network_security_group" {
  defaults = { id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/mock/providers/Microsoft.Network/networkSecurityGroups/mock" }
}

mock_resource "azurerm_linux_virtual_machine" {
  defaults = { id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/mock/providers/Microsoft.Compute/virtualMachines/mock" }
}

mock_data "azurerm_virtual_machine" {
  defaults = { private_ip_address = "10.10.0.4" }
}
