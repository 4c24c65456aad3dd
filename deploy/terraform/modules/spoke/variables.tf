variable "name" {
  description = "The name of the workload network."
  type        = string
}

variable "prefix" {
  description = "What names begin with."
  type        = string
}

variable "location" {
  description = "The region."
  type        = string
}

variable "address_space" {
  description = "The address space of a new network."
  type        = list(string)
  default     = null
}

variable "subnets" {
  description = "The subnets of a new network by name. delegate names a service that a subnet is delegated to."
  type = map(object({
    prefix   = string
    delegate = optional(string)
  }))
  default = {}
}

variable "existing" {
  description = "A network that exists, with the subnets that get the route table by name."
  type = object({
    virtual_network_id = string
    address_space      = list(string)
    subnet_ids         = map(string)
  })
  default = null
}

variable "hubs" {
  description = "The hubs by name."
  type = map(object({
    vm_id              = string
    address            = string
    virtual_network_id = string
    address_space      = list(string)
  }))
}

variable "tag" {
  description = "The tag of the route table. Null: there is none."
  type        = object({ name = string, value = string })
  default     = null
}

variable "next_hop" {
  description = "Where a new route leads. From then on hopguard says."
  type        = string
  default     = null
}

variable "prefixes" {
  description = "The destinations of the routes."
  type        = set(string)
  default     = []
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
}
