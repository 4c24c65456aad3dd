# A function app on Flex Consumption, in the subnet.

locals {
  functions = var.host == "functions" ? 1 : 0
}

# The host's own account: the timer's lock, the queues, the package. It has a key, because version 5.2 of
# the provider writes a connection string without one where an identity is asked for, and the host takes
# that before the identity. What matters is in the other account.
resource "azurerm_storage_account" "host" {
  count = local.functions

  name                            = "${local.short}fn${local.unique}"
  resource_group_name             = var.resource_group_name
  location                        = var.location
  account_tier                    = "Standard"
  account_replication_type        = "LRS"
  min_tls_version                 = "TLS1_2"
  allow_nested_items_to_be_public = false
  tags                            = var.tags
}

resource "azurerm_storage_container" "package" {
  count = local.functions

  name                  = "package"
  storage_account_id    = azurerm_storage_account.host[0].id
  container_access_type = "private"
}

resource "azurerm_service_plan" "flex" {
  count = local.functions

  name                = "${var.name}-controller"
  resource_group_name = var.resource_group_name
  location            = var.location
  os_type             = "Linux"
  sku_name            = "FC1"
  tags                = var.tags
}

resource "azurerm_function_app_flex_consumption" "hopguard" {
  count = local.functions

  name                = "${var.name}-${local.unique}"
  resource_group_name = var.resource_group_name
  location            = var.location
  service_plan_id     = azurerm_service_plan.flex[0].id

  # A custom handler: the version is that of the contract between host and handler.
  runtime_name    = "custom"
  runtime_version = "1.0"

  storage_container_type      = "blobContainer"
  storage_container_endpoint  = "${azurerm_storage_account.host[0].primary_blob_endpoint}${azurerm_storage_container.package[0].name}"
  storage_authentication_type = "StorageAccountConnectionString"
  storage_access_key          = azurerm_storage_account.host[0].primary_access_key

  virtual_network_subnet_id                      = var.subnet_id
  https_only                                     = true
  webdeploy_publish_basic_authentication_enabled = false

  instance_memory_in_mb  = 512
  maximum_instance_count = 40

  # The timer's own instance is never started from cold.
  always_ready {
    name           = "function:tick"
    instance_count = 1
  }

  app_settings = {
    HOPGUARD_FUNCTIONS_SCHEDULE = "*/30 * * * * *"
    HOPGUARD_CONFIG_YAML        = local.configuration
  }

  site_config {
    application_insights_connection_string = azurerm_application_insights.hopguard[0].connection_string
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.hopguard.id]
  }

  tags = var.tags
}
