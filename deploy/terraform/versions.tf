terraform {
  required_version = ">= 1.11"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 5.2"
    }
  }
}

provider "azurerm" {
  subscription_id = var.subscription_id

  features {
    storage {
      # Nothing here needs the data plane of a storage account, so the machine that runs
      # Terraform need not reach it.
      data_plane_available = false
    }
    resource_group {
      # A resource group with something else in it stays.
      prevent_deletion_if_contains_resources = true
    }
  }
}
