variable "name" {
  description = "What names begin with."
  type        = string
}

variable "host" {
  description = "Where hopguard runs: functions, container_app or vm."
  type        = string
}

variable "location" {
  description = "The region."
  type        = string
}

variable "resource_group_name" {
  description = "The resource group of what is made."
  type        = string
}

variable "subnet_id" {
  description = "The subnet that hopguard asks the appliances from; delegated to Microsoft.App/environments unless host is vm."
  type        = string
}

variable "subscription_id" {
  description = "The subscription of the appliances and the route tables."
  type        = string
}

variable "group" {
  description = "The name of the group, and the value of the tag."
  type        = string
}

variable "preferred" {
  description = "The member that carries traffic when both are well."
  type        = string
}

variable "members" {
  description = "The ids of the appliances' machines by the members' names."
  type        = map(string)
}

variable "tag" {
  description = "The name of the tag that marks the route tables."
  type        = string
}

variable "route_table_groups" {
  description = "The ids of the resource groups with route tables to move, under any names."
  type        = map(string)
}

variable "checks" {
  description = "The checks, as in the configuration."
  type        = any
}

variable "group_settings" {
  description = "More settings of the group, as in the configuration."
  type        = any
}

variable "alert_emails" {
  description = "Who is told."
  type        = set(string)
}

variable "image" {
  description = "The container image, for container_app."
  type        = string
  default     = null
}

variable "binary_url" {
  description = "Where the program is fetched from, for vm."
  type        = string
  default     = null
}

variable "binary_sha256" {
  description = "The program's SHA-256 in hexadecimal digits, for vm."
  type        = string
  default     = null
}

variable "ssh_public_key" {
  description = "The key of the administrator, for vm."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
}
