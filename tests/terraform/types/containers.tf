# ECR, ECS, EFS and Cloud Map.

resource "aws_vpc" "this" {
  cidr_block           = "10.80.0.0/16"
  enable_dns_hostnames = true
}

resource "aws_subnet" "this" {
  vpc_id     = aws_vpc.this.id
  cidr_block = "10.80.1.0/24"
}

resource "aws_ecr_repository" "this" {
  name         = "types"
  force_delete = true
}

resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name
  policy = jsonencode({
    rules = [
      {
        rulePriority = 2
        description  = "few"
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 5 }
        action       = { type = "expire" }
      },
      {
        rulePriority = 1
        description  = "untagged"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 3 }
        action       = { type = "expire" }
      },
    ]
  })
}

data "aws_iam_policy_document" "pull" {
  statement {
    sid     = "pull"
    actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]

    principals {
      type        = "AWS"
      identifiers = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_ecr_repository_policy" "this" {
  repository = aws_ecr_repository.this.name
  policy     = data.aws_iam_policy_document.pull.json
}

data "aws_iam_policy_document" "replicate" {
  statement {
    sid       = "replicate"
    actions   = ["ecr:ReplicateImage"]
    resources = ["arn:aws:ecr:us-east-1:${data.aws_caller_identity.current.account_id}:repository/*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
}

resource "aws_ecr_registry_policy" "this" {
  policy = data.aws_iam_policy_document.replicate.json
}

resource "aws_ecr_registry_scanning_configuration" "this" {
  scan_type = "BASIC"

  rule {
    scan_frequency = "SCAN_ON_PUSH"

    repository_filter {
      filter      = "types*"
      filter_type = "WILDCARD"
    }
  }
}

resource "aws_ecr_replication_configuration" "this" {
  replication_configuration {
    rule {
      destination {
        region      = "eu-west-1"
        registry_id = data.aws_caller_identity.current.account_id
      }
    }
  }
}

resource "aws_ecr_account_setting" "this" {
  name  = "BASIC_SCAN_TYPE_VERSION"
  value = "AWS_NATIVE"
}

resource "aws_ecr_pull_through_cache_rule" "this" {
  ecr_repository_prefix = "ecr-public"
  upstream_registry_url = "public.ecr.aws"
}

resource "aws_ecr_pull_through_cache_rule" "prefix" {
  ecr_repository_prefix      = "kube"
  upstream_registry_url      = "registry.k8s.io"
  upstream_repository_prefix = "pause"
}

resource "aws_ecr_repository_creation_template" "this" {
  prefix      = "cached"
  applied_for = ["PULL_THROUGH_CACHE"]
}

resource "aws_ecs_account_setting_default" "this" {
  name  = "containerInsights"
  value = "enabled"
}

resource "aws_ecs_cluster" "this" {
  name = "types"
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]

  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }
}

resource "aws_ecs_tag" "this" {
  resource_arn = aws_ecs_cluster.tagged.arn
  key          = "types"
  value        = "yes"
}

resource "aws_ecs_cluster" "tagged" {
  name = "types-tagged"

  lifecycle {
    ignore_changes = [tags]
  }
}

resource "aws_ecs_task_definition" "this" {
  family = "types"
  container_definitions = jsonencode([
    { name = "main", image = "types", memory = 64, essential = true, command = ["true"] },
  ])
}

resource "aws_ecs_task_definition" "fargate" {
  family                   = "types-fargate"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  container_definitions = jsonencode([{
    name              = "main"
    image             = "types"
    portMappings      = [{ containerPort = 80 }]
    environment       = [{ name = "B", value = "2" }, { name = "A", value = "1" }]
    linuxParameters   = { capabilities = { drop = ["ALL"] }, initProcessEnabled = true }
    mountPoints       = [{ sourceVolume = "data", containerPath = "/data" }]
    logConfiguration  = { logDriver = "awslogs", options = { awslogs-group = "types", awslogs-region = "us-east-1", awslogs-stream-prefix = "t" } }
    ulimits           = [{ name = "nofile", softLimit = 1024, hardLimit = 2048 }]
  }])

  volume {
    name = "data"

    efs_volume_configuration {
      file_system_id     = aws_efs_file_system.this.id
      transit_encryption = "ENABLED"

      authorization_config {
        access_point_id = aws_efs_access_point.this.id
      }
    }
  }
}

resource "aws_efs_file_system" "this" {
  creation_token = "types"

  lifecycle_policy {
    transition_to_ia = "AFTER_30_DAYS"
  }
}

resource "aws_efs_access_point" "this" {
  file_system_id = aws_efs_file_system.this.id

  posix_user {
    uid = 1000
    gid = 1000
  }

  root_directory {
    path = "/data"

    creation_info {
      owner_uid   = 1000
      owner_gid   = 1000
      permissions = "755"
    }
  }
}

resource "aws_efs_backup_policy" "this" {
  file_system_id = aws_efs_file_system.this.id

  backup_policy {
    status = "ENABLED"
  }
}

data "aws_iam_policy_document" "mount" {
  statement {
    actions   = ["elasticfilesystem:ClientMount"]
    resources = [aws_efs_file_system.this.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
  }
}

resource "aws_efs_file_system_policy" "this" {
  file_system_id = aws_efs_file_system.this.id
  policy         = data.aws_iam_policy_document.mount.json
}

resource "aws_efs_mount_target" "this" {
  file_system_id = aws_efs_file_system.this.id
  subnet_id      = aws_subnet.this.id
}

resource "aws_service_discovery_http_namespace" "this" {
  name = "types-http"
}

resource "aws_service_discovery_private_dns_namespace" "this" {
  name = "types.local"
  vpc  = aws_vpc.this.id
}

resource "aws_service_discovery_public_dns_namespace" "this" {
  name = "types.example.com"
}

resource "aws_service_discovery_service" "this" {
  name = "backend"

  dns_config {
    namespace_id = aws_service_discovery_private_dns_namespace.this.id

    dns_records {
      ttl  = 10
      type = "A"
    }
  }

  health_check_custom_config {
    failure_threshold = 1
  }
}

resource "aws_service_discovery_instance" "this" {
  instance_id = "one"
  service_id  = aws_service_discovery_service.this.id
  attributes = {
    AWS_INSTANCE_IPV4 = "10.80.1.10"
    color             = "blue"
  }
}
