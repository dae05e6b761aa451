# An ECS environment on Fargate: network, cluster, log group, repository, shared file system, service discovery, roles and
# a task definition. `terraform apply`, then run the task with the command in the outputs.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "endpoint" {
  description = "Where awssim listens."
  type        = string
  default     = "http://127.0.0.1:4566"
}

variable "stage" {
  description = "A word in tags and descriptions: changing it changes resources in place."
  type        = string
  default     = "first"
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true

  endpoints {
    ec2              = var.endpoint
    ecr              = var.endpoint
    ecs              = var.endpoint
    efs              = var.endpoint
    iam              = var.endpoint
    logs             = var.endpoint
    servicediscovery = var.endpoint
    sts              = var.endpoint
  }

  default_tags {
    tags = { Stage = var.stage }
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

data "aws_availability_zones" "all" {
  state = "available"
}

locals {
  name  = "fargate"
  zones = slice(data.aws_availability_zones.all.names, 0, 2)
}

output "run" {
  description = "Runs the task with the AWS CLI."
  value = join(" ", [
    "aws ecs run-task --cluster", aws_ecs_cluster.main.name, "--task-definition", aws_ecs_task_definition.app.family,
    "--launch-type FARGATE --network-configuration",
    "'awsvpcConfiguration={subnets=[${aws_subnet.private[0].id}],securityGroups=[${aws_security_group.tasks.id}]}'",
  ])
}
