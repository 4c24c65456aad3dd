output "configuration" {
  description = "hopguard's configuration, for hopguard config check and for running it elsewhere."
  value       = module.controller.configuration
}

output "members" {
  description = "The appliances: machine, address that routes point at, network."
  value       = local.members
}

output "route_tables" {
  description = "The ids of the route tables that hopguard moves."
  value       = { for name, s in module.spoke : name => s.route_table_id }
}

output "identity_client_id" {
  description = "The identity that hopguard signs in with."
  value       = module.controller.identity_client_id
}

output "controller" {
  description = "What was made for the host that was chosen."
  value       = module.controller.host
}

output "next_step" {
  description = "What is left to do by hand."
  value       = module.controller.next_step
}
