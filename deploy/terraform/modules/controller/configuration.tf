# hopguard's configuration, made of the same values as everything else.

locals {
  settings = {
    azure = {
      credential    = "managed-identity"
      clientID      = azurerm_user_assigned_identity.hopguard.client_id
      subscriptions = [var.subscription_id]
    }
    store = {
      kind      = "blob"
      account   = azurerm_storage_account.records.primary_blob_endpoint
      container = azurerm_storage_container.records.name
    }
    groups = [merge({
      name      = var.group
      preferred = var.preferred
      members   = [for name in sort(keys(var.members)) : { name = name, vm = var.members[name] }]
      routes    = { tag = { name = var.tag, value = var.group } }
      checks    = var.checks
    }, var.group_settings)]
  }

  # A function app has no API of hopguard's: it has functions.
  configuration = yamlencode(merge(local.settings, var.host == "functions" ? {} : {
    api = { listen = var.host == "vm" ? "127.0.0.1:8080" : ":8080" }
  }))
}
