# What every folder of resources begins with: the provider, and where awssim listens.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "endpoint" {
  type = string
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  s3_use_path_style           = true

  endpoints {
    ec2              = var.endpoint
    ecr              = var.endpoint
    ecs              = var.endpoint
    efs              = var.endpoint
    iam              = var.endpoint
    lambda           = var.endpoint
    logs             = var.endpoint
    s3               = var.endpoint
    servicediscovery = var.endpoint
    sts              = var.endpoint
  }
}

data "aws_caller_identity" "current" {}
