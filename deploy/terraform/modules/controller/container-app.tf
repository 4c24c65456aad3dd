# Two replicas in a container app, one of which leads.

locals {
  container_app = var.host == "container_app" ? 1 : 0
}

resource "azurerm_container_app_environment" "hopguard" {
  count = local.container_app

  name                           = "${var.name}-controller"
  resource_group_name            = var.resource_group_name
  location                       = var.location
  infrastructure_subnet_id       = var.subnet_id
  internal_load_balancer_enabled = true
  logs_destination               = "log-analytics"
  log_analytics_workspace_id     = azurerm_log_analytics_workspace.hopguard.id
  tags                           = var.tags

  # With a profile a /27 is enough for the subnet.
  workload_profile {
    name                  = "Consumption"
    workload_profile_type = "Consumption"
  }

  lifecycle {
    # The platform names a group for its own things.
    ignore_changes = [infrastructure_resource_group_name]
  }
}

resource "azurerm_container_app" "hopguard" {
  count = local.container_app

  name                         = "${var.name}-controller"
  resource_group_name          = var.resource_group_name
  container_app_environment_id = azurerm_container_app_environment.hopguard[0].id
  revision_mode                = "Single"
  workload_profile_name        = "Consumption"
  tags                         = var.tags

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.hopguard.id]
  }

  # An image in Azure's own registry is fetched as hopguard, which needs AcrPull there.
  dynamic "registry" {
    for_each = regexall("^[^/]+[.]azurecr[.]io", coalesce(var.image, "none"))

    content {
      server   = registry.value
      identity = azurerm_user_assigned_identity.hopguard.id
    }
  }

  template {
    min_replicas                     = 2
    max_replicas                     = 2
    termination_grace_period_seconds = 60

    container {
      name   = "hopguard"
      image  = var.image
      args   = ["run"]
      cpu    = 0.25
      memory = "0.5Gi"

      # There is no secret in it. Another one starts a new revision.
      env {
        name  = "HOPGUARD_CONFIG_YAML"
        value = local.configuration
      }

      liveness_probe {
        transport = "HTTP"
        port      = 8080
        path      = "/livez"
      }

      # Not /readyz: a replica that waits for the lease is as good as one that leads.
      readiness_probe {
        transport = "HTTP"
        port      = 8080
        path      = "/livez"
      }
    }
  }

  lifecycle {
    precondition {
      condition     = var.image != null
      error_message = "controller.image: want the container image of hopguard."
    }
  }
}
