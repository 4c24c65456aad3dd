# Wrong values are refused by name, before anything is made.

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
  branch_prefixes = ["172.16.0.0/12"]
  spokes          = {}
  controller      = { location = "westeurope", address_space = "10.30.0.0/24" }
}

run "name" {
  command = plan
  variables {
    name = "Hop_Guard"
  }
  expect_failures = [var.name]
}

run "group" {
  command = plan
  variables {
    group = "SD WAN"
  }
  expect_failures = [var.group]
}

run "three_hubs" {
  command = plan
  variables {
    hubs = {
      vmx-a = { location = "westeurope", address_space = ["10.10.0.0/16"], subnet = "10.10.0.0/24" }
      vmx-b = { location = "northeurope", address_space = ["10.20.0.0/16"], subnet = "10.20.0.0/24" }
      vmx-c = { location = "northeurope", address_space = ["10.21.0.0/16"], subnet = "10.21.0.0/24" }
    }
    vmx_tokens = { vmx-a = "a", vmx-b = "b", vmx-c = "c" }
  }
  expect_failures = [var.hubs]
}

run "preferred" {
  command = plan
  variables {
    preferred = "vmx-c"
  }
  expect_failures = [var.preferred]
}

run "branch_prefixes" {
  command = plan
  variables {
    branch_prefixes = ["172.16.0.1/12"]
  }
  expect_failures = [var.branch_prefixes]
}

run "spoke_called_controller" {
  command = plan
  variables {
    spokes = { controller = { location = "westeurope", address_space = ["10.101.0.0/16"] } }
  }
  expect_failures = [var.spokes]
}

run "spoke_of_both_kinds" {
  command = plan
  variables {
    spokes = { app = {
      location      = "westeurope"
      address_space = ["10.101.0.0/16"]
      existing = {
        virtual_network_id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/rg-app/providers/Microsoft.Network/virtualNetworks/app"
        address_space      = ["10.101.0.0/16"]
        subnet_ids         = {}
      }
    } }
  }
  expect_failures = [var.spokes]
}

run "host" {
  command = plan
  variables {
    controller = { host = "kubernetes", location = "westeurope", address_space = "10.30.0.0/24" }
  }
  expect_failures = [var.controller]
}

run "small_network" {
  command = plan
  variables {
    controller = { location = "westeurope", address_space = "10.30.0.0/28" }
  }
  expect_failures = [var.controller]
}

run "tag_for_everything" {
  command = plan
  variables {
    tags = { NVA_HA_UDR = "sdwan" }
  }
  expect_failures = [var.tags]
}
