# The module spoke alone: what it makes, and that a failover is no drift.

mock_provider "azurerm" {
  source = "./tests/mocks"
}

variables {
  name          = "app"
  prefix        = "hopguard"
  location      = "westeurope"
  address_space = ["10.101.0.0/16"]
  subnets       = { app = { prefix = "10.101.0.0/24" }, data = { prefix = "10.101.1.0/24" } }
  tags          = { team = "network" }
  tag           = { name = "nva_ha_udr", value = "sdwan" }
  prefixes      = ["172.16.0.0/12", "192.168.0.0/16"]
  next_hop      = "10.10.0.4"
  hubs = {
    vmx-a = {
      vm_id              = "a"
      address            = "10.10.0.4"
      virtual_network_id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/rg-a/providers/Microsoft.Network/virtualNetworks/hub-a"
      address_space      = ["10.10.0.0/16"]
    }
    vmx-b = {
      vm_id              = "b"
      address            = "10.20.0.4"
      virtual_network_id = "/subscriptions/5ab50001-0000-4000-8000-000000000001/resourceGroups/rg-b/providers/Microsoft.Network/virtualNetworks/hub-b"
      address_space      = ["10.20.0.0/16"]
    }
  }
}

run "makes" {
  module {
    source = "./modules/spoke"
  }

  assert {
    condition     = azurerm_route_table.spoke[0].tags == tomap({ team = "network", nva_ha_udr = "sdwan" })
    error_message = "The table must have the group's tag and the others."
  }

  assert {
    condition     = alltrue([for r in azurerm_route.branch : r.next_hop_in_ip_address == "10.10.0.4" && r.next_hop_type == "VirtualAppliance"]) && length(azurerm_route.branch) == 2
    error_message = "Want a route to the preferred appliance for each branch."
  }

  assert {
    condition     = length(azurerm_subnet_route_table_association.spoke) == 2
    error_message = "Every subnet gets the table."
  }

  assert {
    condition = alltrue([for p in concat(values(azurerm_virtual_network_peering.to_hub), values(azurerm_virtual_network_peering.from_hub)) :
      p.allow_forwarded_traffic && p.allow_virtual_network_access && !coalesce(p.use_remote_gateways, false)
    ]) && length(azurerm_virtual_network_peering.to_hub) == 2 && length(azurerm_virtual_network_peering.from_hub) == 2
    error_message = "Want both halves with both hubs, for forwarded traffic."
  }

  assert {
    condition     = azurerm_virtual_network_peering.from_hub["vmx-b"].resource_group_name == "rg-b" && azurerm_virtual_network_peering.from_hub["vmx-b"].virtual_network_name == "hub-b"
    error_message = "The hub's half belongs to the hub's network."
  }
}

# The next hop says another appliance now, as after a failover: what is there stays.
run "leaves_next_hops_alone" {
  command = plan

  module {
    source = "./modules/spoke"
  }

  variables {
    next_hop = "10.20.0.4"
  }

  assert {
    condition     = alltrue([for r in azurerm_route.branch : r.next_hop_in_ip_address == "10.10.0.4"])
    error_message = "Terraform would move the routes back."
  }
}

# A new branch is a new route, and one that is gone takes its route along: only next hops are hopguard's.
run "follows_branches" {
  command = plan

  module {
    source = "./modules/spoke"
  }

  variables {
    next_hop = "10.20.0.4"
    prefixes = ["172.16.0.0/12", "10.200.0.0/16"]
  }

  assert {
    condition     = toset(keys(azurerm_route.branch)) == toset(["172.16.0.0/12", "10.200.0.0/16"]) && azurerm_route.branch["10.200.0.0/16"].next_hop_in_ip_address == "10.20.0.4"
    error_message = "The routes do not follow the branches."
  }

  assert {
    condition     = azurerm_route.branch["172.16.0.0/12"].next_hop_in_ip_address == "10.10.0.4"
    error_message = "A new branch must not move the other routes."
  }
}

run "without_a_table" {
  module {
    source = "./modules/spoke"
  }

  variables {
    tag = null
  }

  assert {
    condition     = length(azurerm_route_table.spoke) == 0 && length(azurerm_route.branch) == 0 && length(azurerm_subnet_route_table_association.spoke) == 0
    error_message = "The controller's own network has no table that a failover moves."
  }
}
