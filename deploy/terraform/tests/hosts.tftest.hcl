# The whole example with each host, against a provider that makes nothing. scripts/terraform-test
# gives the configuration of every run to hopguard config check.

mock_provider "azurerm" {
  source = "./tests/mocks"
}

variables {
  subscription_id = "5ab50001-0000-4000-8000-000000000001"
  hubs = {
    vmx-a = { location = "westeurope", address_space = ["10.10.0.0/16"], subnet = "10.10.0.0/24" }
    vmx-b = { location = "northeurope", address_space = ["10.20.0.0/16"], subnet = "10.20.0.0/24" }
  }
  vmx_tokens      = { vmx-a = "token-a", vmx-b = "token-b" }
  branch_prefixes = ["172.16.0.0/12", "192.168.0.0/16"]
  spokes = {
    app = { location = "westeurope", address_space = ["10.101.0.0/16"], subnets = { app = "10.101.0.0/24" } }
  }
  controller   = { location = "westeurope", address_space = "10.30.0.0/24" }
  alert_emails = ["noc@example.com"]
}

run "functions" {
  assert {
    condition     = output.controller.kind == "functions" && startswith(output.controller.name, "hopguard-")
    error_message = "Want a function app named after the example, got ${jsonencode(output.controller)}."
  }

  assert {
    condition     = yamldecode(output.configuration).groups[0].members[1].vm == "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/hopguard-vmx-b-vmx/providers/Microsoft.Compute/virtualMachines/vmx-b"
    error_message = "The configuration names another machine than the one that the managed application makes."
  }

  assert {
    condition     = yamldecode(output.configuration).azure.clientID == output.identity_client_id
    error_message = "hopguard signs in with another identity than the one that has the roles."
  }

  assert {
    condition     = length(azurerm_marketplace_agreement.vmx) == 1
    error_message = "The terms of the vMX are accepted once, not once for each hub."
  }
}

run "container_app" {
  variables {
    controller = { host = "container_app", location = "westeurope", address_space = "10.30.0.0/24", image = "example.azurecr.io/hopguard:1" }
  }

  assert {
    condition     = yamldecode(output.configuration).api.listen == ":8080"
    error_message = "The probes of the container need hopguard's API."
  }
}

run "vm" {
  variables {
    controller = {
      host           = "vm"
      location       = "westeurope"
      address_space  = "10.30.0.0/24"
      binary_url     = "https://example.com/hopguard"
      binary_sha256  = "0000000000000000000000000000000000000000000000000000000000000000"
      ssh_public_key = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDNotOu/jedAUmXE9xiiQl9h+F3GlEqSkF+qPAQ++6rQY+rJcjwzkD1/QvXtaIcRgzGVkVOP6+Xe2R1CDjEDEzSjQKVd/dc/X7cTnTZKf2O//ELNtPlJFE01ppELjKEdX4zOZQwFhOkPxvQnbsvMDkiySJQ2Md0yoELIXdtdYgFlUABpyl8KOt30oHOprZCQRrYgFiBs7zG55M4xCC6H6YIl/trmX/ojRW16UFvbDnP8w1jvWzUmkoALKugHPhUtgnxA22cnWt5me6KvRK3y3uNAfHGMUlF4h4/BlwtrS5pWeDq5n+OKyMSTYtegdcx8vigc6wRIAra85gq/8O7oxjV hopguard-admin"
    }
  }

  assert {
    condition     = output.controller.kind == "vm"
    error_message = "Want a machine, got ${jsonencode(output.controller)}."
  }
}

# Whoever has appliances and networks already gives their ids; no vMX is made, and no terms are accepted.
run "existing" {
  variables {
    preferred  = "vmx-b"
    vmx_tokens = {}
    hubs = {
      vmx-a = { location = "westeurope", existing = {
        vm_id              = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/mrg-a/providers/Microsoft.Compute/virtualMachines/nva-a"
        address            = "10.10.0.4"
        virtual_network_id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/rg-a/providers/Microsoft.Network/virtualNetworks/hub-a"
        address_space      = ["10.10.0.0/16"]
      } }
      vmx-b = { location = "northeurope", existing = {
        vm_id              = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/mrg-b/providers/Microsoft.Compute/virtualMachines/nva-b"
        address            = "10.20.0.4"
        virtual_network_id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/rg-b/providers/Microsoft.Network/virtualNetworks/hub-b"
        address_space      = ["10.20.0.0/16"]
      } }
    }
    spokes = {
      app = { location = "westeurope", existing = {
        virtual_network_id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/rg-app/providers/Microsoft.Network/virtualNetworks/app"
        address_space      = ["10.101.0.0/16"]
        subnet_ids         = { app = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/rg-app/providers/Microsoft.Network/virtualNetworks/app/subnets/app" }
      } }
    }
    checks = [
      { kind = "vm-status" },
      { name = "branch", kind = "tcp", targets = { vmx-a = "10.200.0.1:443", vmx-b = "10.200.0.2:443" }, interval = "2s", timeout = "500ms", confirmInterval = "500ms" },
    ]
    group_settings = { policy = { failback = "auto", failbackDelay = "10m" }, witness = { targets = ["https://1.1.1.1"] } }
  }

  assert {
    condition     = length(azurerm_marketplace_agreement.vmx) == 0
    error_message = "Terms are accepted although no vMX is made."
  }

  assert {
    condition     = yamldecode(output.configuration).groups[0].preferred == "vmx-b" && output.members["vmx-a"].address == "10.10.0.4"
    error_message = "The appliances that exist are not the members."
  }
}
