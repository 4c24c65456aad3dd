variable "subscription_id" {
  description = "The subscription of the hub."
  type        = string
}

variable "name" {
  description = "The name of the hub and of its appliance."
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

variable "subnet" {
  description = "The prefix of the appliance's subnet in a new network."
  type        = string
  default     = null
}

variable "existing" {
  description = "An appliance that exists: nothing is made."
  type = object({
    vm_id              = string
    address            = string
    virtual_network_id = string
    address_space      = list(string)
  })
  default = null
}

variable "size" {
  description = "The size of the vMX, one that its plan offers."
  type        = string
}

variable "zone" {
  description = "The availability zone, 0 for none."
  type        = string
}

variable "plan_version" {
  description = "The version of the plan in the marketplace."
  type        = string
}

variable "token" {
  description = "The vMX's authentication token."
  type        = string
  sensitive   = true
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
}
