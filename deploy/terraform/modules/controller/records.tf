# Where the records are kept: the state on which every switch hangs. No key opens this account.

locals {
  # Names of storage accounts, apps and roles are shared with others.
  unique = substr(sha256("${var.subscription_id}/${var.resource_group_name}/${var.name}"), 0, 8)
  short  = substr(replace(var.name, "-", ""), 0, 12)
}

resource "azurerm_storage_account" "records" {
  name                            = "${local.short}rec${local.unique}"
  resource_group_name             = var.resource_group_name
  location                        = var.location
  account_tier                    = "Standard"
  account_replication_type        = "ZRS"
  min_tls_version                 = "TLS1_2"
  shared_access_key_enabled       = false
  allow_nested_items_to_be_public = false
  default_to_oauth_authentication = true
  tags                            = var.tags
}

resource "azurerm_storage_container" "records" {
  name                  = "hopguard"
  storage_account_id    = azurerm_storage_account.records.id
  container_access_type = "private"
}
