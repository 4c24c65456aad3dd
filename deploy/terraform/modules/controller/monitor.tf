# Who is told when the one that tells is in trouble itself.

locals {
  # Where lines of the log are, by host. vm has its own alert: the log stays on the machine.
  scope = try(azurerm_application_insights.hopguard[0].id, azurerm_log_analytics_workspace.hopguard.id)

  rules = {
    functions = {
      failed = {
        description = "An invocation of hopguard has failed: a tick could not do what the record orders, or the configuration is wrong."
        query       = "requests | where success == false | where name in ('Tick', 'Group', 'Poison') | summarize n = count()"
        operator    = "GreaterThan"
        threshold   = 0
        severity    = 1
      }
      errors = {
        description = "hopguard has logged an error: a person must look."
        query       = "traces | where severityLevel >= 3 | summarize n = count()"
        operator    = "GreaterThan"
        threshold   = 0
        severity    = 2
      }
      silent = {
        description = "No tick of hopguard has succeeded for five minutes: nobody watches the appliances."
        query       = "requests | where success == true | where name in ('Tick', 'Group') | summarize n = count()"
        operator    = "LessThan"
        threshold   = 1
        severity    = 1
      }
    }
    container_app = {
      errors = {
        description = "hopguard has logged an error: a person must look."
        query       = "ContainerAppConsoleLogs_CL | where ContainerName_s == 'hopguard' | where parse_json(Log_s).level == 'ERROR' | summarize n = count()"
        operator    = "GreaterThan"
        threshold   = 0
        severity    = 2
      }
      silent = {
        description = "hopguard has logged nothing for five minutes, which a running one does every minute."
        query       = "ContainerAppConsoleLogs_CL | where ContainerName_s == 'hopguard' | summarize n = count()"
        operator    = "LessThan"
        threshold   = 1
        severity    = 1
      }
    }
    vm = {}
  }
}

resource "azurerm_log_analytics_workspace" "hopguard" {
  name                = "${var.name}-controller"
  resource_group_name = var.resource_group_name
  location            = var.location
  sku                 = "PerGB2018"
  retention_in_days   = 30
  tags                = var.tags
}

resource "azurerm_application_insights" "hopguard" {
  count = local.functions

  name                = "${var.name}-controller"
  resource_group_name = var.resource_group_name
  location            = var.location
  workspace_id        = azurerm_log_analytics_workspace.hopguard.id
  application_type    = "other"
  tags                = var.tags
}

resource "azurerm_monitor_action_group" "hopguard" {
  name                = "${var.name}-controller"
  resource_group_name = var.resource_group_name
  short_name          = "hopguard"
  tags                = var.tags

  dynamic "email_receiver" {
    for_each = var.alert_emails

    content {
      name                    = email_receiver.value
      email_address           = email_receiver.value
      use_common_alert_schema = true
    }
  }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "hopguard" {
  for_each = local.rules[var.host]

  name                    = "${var.name}-${each.key}"
  resource_group_name     = var.resource_group_name
  location                = var.location
  description             = each.value.description
  severity                = each.value.severity
  scopes                  = [local.scope]
  evaluation_frequency    = "PT5M"
  window_duration         = "PT5M"
  auto_mitigation_enabled = true
  # Tables of a new app are not there before its first line.
  skip_query_validation = true
  tags                  = var.tags

  criteria {
    query                   = each.value.query
    time_aggregation_method = "Total"
    metric_measure_column   = "n"
    operator                = each.value.operator
    threshold               = each.value.threshold

    failing_periods {
      minimum_failing_periods_to_trigger_alert = 1
      number_of_evaluation_periods             = 1
    }
  }

  action {
    action_groups = [azurerm_monitor_action_group.hopguard.id]
  }
}

resource "azurerm_monitor_metric_alert" "vm" {
  count = local.vm

  name                = "${var.name}-machine"
  resource_group_name = var.resource_group_name
  scopes              = [azurerm_linux_virtual_machine.hopguard[0].id]
  description         = "The machine that hopguard runs on is not available: nobody watches the appliances."
  severity            = 1
  frequency           = "PT1M"
  window_size         = "PT5M"
  tags                = var.tags

  criteria {
    metric_namespace = "Microsoft.Compute/virtualMachines"
    metric_name      = "VmAvailabilityMetric"
    aggregation      = "Average"
    operator         = "LessThan"
    threshold        = 1
  }

  action {
    action_group_id = azurerm_monitor_action_group.hopguard.id
  }
}
