# The rest of EC2's networking: addresses, gateways, interfaces, ACLs, DHCP options, endpoints, prefix lists, and security
# group rules in both styles. Everything is made in a VPC of its own.

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
    ec2 = var.endpoint
    iam = var.endpoint
    sts = var.endpoint
  }

  default_tags {
    tags = { Stage = var.stage }
  }
}

data "aws_availability_zones" "all" {
  state = "available"
}

resource "aws_vpc" "main" {
  cidr_block           = "10.20.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = "network" }
}

resource "aws_vpc_ipv4_cidr_block_association" "more" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.21.0.0/16"
}

resource "aws_subnet" "public" {
  vpc_id            = aws_vpc.main.id
  cidr_block        = "10.20.0.0/24"
  availability_zone = data.aws_availability_zones.all.names[0]
}

resource "aws_subnet" "private" {
  vpc_id            = aws_vpc_ipv4_cidr_block_association.more.vpc_id
  cidr_block        = "10.21.1.0/28"
  availability_zone = data.aws_availability_zones.all.names[1]
}

resource "aws_vpc_dhcp_options" "main" {
  domain_name         = "example.internal"
  domain_name_servers = ["10.20.0.2", "AmazonProvidedDNS"]
  ntp_servers         = ["169.254.169.123"]
}

resource "aws_vpc_dhcp_options_association" "main" {
  vpc_id          = aws_vpc.main.id
  dhcp_options_id = aws_vpc_dhcp_options.main.id
}
