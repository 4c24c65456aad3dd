variable "subscription_id" {
  description = "The subscription in which everything is made."
  type        = string
}

variable "name" {
  description = "What the names of all resources begin with: 2 to 16 lower-case letters, digits and dashes."
  type        = string
  default     = "hopguard"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,14}[a-z0-9]$", var.name))
    error_message = "name: want 2 to 16 lower-case letters, digits and dashes, a letter first."
  }
}

variable "group" {
  description = "The name of the group: hopguard's own, and the value of the tag on the route tables."
  type        = string
  default     = "sdwan"

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]*$", var.group))
    error_message = "group: want lower-case letters, digits and dashes."
  }
}

variable "tag" {
  description = "The name of the tag that marks the route tables."
  type        = string
  default     = "nva_ha_udr"
}

variable "hubs" {
  description = <<-EOT
    The two SD-WAN networks by name, which is also the name of the member. Either a network and a
    vMX are made (address_space, subnet), or an appliance that exists is taken (existing). The first
    by name is preferred, unless preferred says otherwise.
  EOT
  type = map(object({
    location      = string
    address_space = optional(list(string))
    subnet        = optional(string)
    size          = optional(string, "Standard_F4s_v2")
    zone          = optional(string, "0")
    existing = optional(object({
      vm_id              = string
      address            = string
      virtual_network_id = string
      address_space      = list(string)
    }))
  }))

  validation {
    condition     = length(var.hubs) == 2
    error_message = "hubs: want exactly two."
  }
  validation {
    condition     = alltrue([for h in var.hubs : (h.existing == null) == (h.address_space != null && h.subnet != null)])
    error_message = "hubs: each has either existing, or address_space and subnet."
  }
}

variable "preferred" {
  description = "The hub that carries traffic when both are well. Empty: the first by name."
  type        = string
  default     = ""

  validation {
    condition     = var.preferred == "" || contains(keys(var.hubs), var.preferred)
    error_message = "preferred: want the name of a hub."
  }
}

variable "vmx_tokens" {
  description = "The authentication token of each new vMX by the name of its hub, from the Meraki Dashboard. It is valid for an hour and used once."
  type        = map(string)
  default     = {}
  sensitive   = true
}

variable "vmx_version" {
  description = "The version of the plan cisco-meraki-vmx in the marketplace."
  type        = string
  default     = "15.37.4"
}

variable "accept_marketplace_terms" {
  description = "Accept the terms of cisco-meraki-vmx in this subscription. False if somebody has done so already: they can be accepted once."
  type        = bool
  default     = true
}

variable "branch_prefixes" {
  description = "The prefixes of the branches: each gets a route to the active appliance in every route table."
  type        = set(string)

  validation {
    condition     = length(var.branch_prefixes) > 0 && alltrue([for p in var.branch_prefixes : can(cidrnetmask(p)) && cidrhost(p, 0) == split("/", p)[0]])
    error_message = "branch_prefixes: want at least one, each an IPv4 network like 172.16.0.0/12."
  }
}

variable "spokes" {
  description = <<-EOT
    The workload networks by name. Either one is made (address_space and subnets), or one that exists
    is taken (existing). It is peered with both hubs, and its subnets get a route table with the tag.
  EOT
  type = map(object({
    location      = string
    address_space = optional(list(string))
    subnets       = optional(map(string), {})
    existing = optional(object({
      virtual_network_id = string
      address_space      = list(string)
      subnet_ids         = map(string)
    }))
  }))

  validation {
    condition     = alltrue([for s in var.spokes : (s.existing == null) == (s.address_space != null)])
    error_message = "spokes: each has either existing, or address_space and subnets."
  }
  validation {
    condition     = !contains(keys(var.spokes), "controller")
    error_message = "spokes: the name controller is taken."
  }
}

variable "controller" {
  description = <<-EOT
    Where hopguard runs: host is functions, container_app or vm; location and address_space (a /24 or
    more) are those of its own network, which is peered with both hubs. image is needed by container_app, binary_url,
    binary_sha256 and ssh_public_key by vm.
  EOT
  type = object({
    host           = optional(string, "functions")
    location       = string
    address_space  = string
    image          = optional(string)
    binary_url     = optional(string)
    binary_sha256  = optional(string)
    ssh_public_key = optional(string)
  })

  validation {
    condition     = contains(["functions", "container_app", "vm"], var.controller.host)
    error_message = "controller.host: want functions, container_app or vm."
  }
  validation {
    condition     = try(tonumber(split("/", var.controller.address_space)[1]) <= 24, false) && can(cidrnetmask(var.controller.address_space))
    error_message = "controller.address_space: want an IPv4 network of at least /24, like 10.30.0.0/24."
  }
}

variable "checks" {
  description = "The checks of the group, as in hopguard's configuration. vm-status alone does not see a guest that hangs: add a check of the data path."
  type        = any
  default     = [{ kind = "vm-status" }]
}

variable "group_settings" {
  description = "More settings of the group, as in hopguard's configuration: vote, witness, policy."
  type        = any
  default     = {}
}

variable "alert_emails" {
  description = "Who is told when hopguard fails, is silent or logs an error."
  type        = set(string)
  default     = []
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}

  validation {
    condition     = !contains([for k in keys(var.tags) : lower(k)], lower(var.tag))
    error_message = "tags: the tag of the group is only for route tables."
  }
}
