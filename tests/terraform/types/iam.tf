data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "read" {
  statement {
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::types/*"]
  }
}

resource "aws_iam_account_alias" "this" {
  account_alias = "types-of-terraform"
}

resource "aws_iam_account_password_policy" "this" {
  minimum_password_length = 12
}

resource "aws_iam_group" "this" {
  name = "types"
}

resource "aws_iam_group_membership" "this" {
  name  = "types"
  group = aws_iam_group.this.name
  users = [aws_iam_user.member.name]
}

resource "aws_iam_group_policy" "this" {
  name   = "inline"
  group  = aws_iam_group.this.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_group_policies_exclusive" "this" {
  group_name   = aws_iam_group.this.name
  policy_names = [aws_iam_group_policy.this.name]
}

resource "aws_iam_group_policy_attachment" "this" {
  group      = aws_iam_group.this.name
  policy_arn = aws_iam_policy.this.arn
}

resource "aws_iam_group_policy_attachments_exclusive" "this" {
  group_name  = aws_iam_group.this.name
  policy_arns = [aws_iam_group_policy_attachment.this.policy_arn]
}

resource "aws_iam_policy" "this" {
  name   = "types"
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_policy" "everywhere" {
  name   = "types-everywhere"
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_policy_attachment" "everywhere" {
  name       = "everywhere"
  policy_arn = aws_iam_policy.everywhere.arn
  users      = [aws_iam_user.member.name]
  groups     = [aws_iam_group.members.name]
  roles      = [aws_iam_role.plain.name]
}

resource "aws_iam_group" "members" {
  name = "types-members"
}

resource "aws_iam_role" "this" {
  name               = "types"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role" "plain" {
  name                  = "types-plain"
  assume_role_policy    = data.aws_iam_policy_document.trust.json
  force_detach_policies = true
}

resource "aws_iam_role_policy" "this" {
  name   = "inline"
  role   = aws_iam_role.this.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_role_policies_exclusive" "this" {
  role_name    = aws_iam_role.this.name
  policy_names = [aws_iam_role_policy.this.name]
}

resource "aws_iam_role_policy_attachment" "this" {
  role       = aws_iam_role.this.name
  policy_arn = aws_iam_policy.this.arn
}

resource "aws_iam_role_policy_attachments_exclusive" "this" {
  role_name   = aws_iam_role.this.name
  policy_arns = [aws_iam_role_policy_attachment.this.policy_arn]
}

resource "aws_iam_instance_profile" "this" {
  name = "types"
  role = aws_iam_role.this.name
}

resource "aws_iam_openid_connect_provider" "this" {
  url             = "https://token.actions.githubusercontent.com"
  client_id_list  = ["sts.amazonaws.com"]
  thumbprint_list = ["cf23df2207d99a74fbe169e3eba035e633b65d94"]
}

resource "aws_iam_service_linked_role" "this" {
  for_each         = toset(["ecs.amazonaws.com", "elasticbeanstalk.amazonaws.com", "logger.cloudfront.amazonaws.com"])
  aws_service_name = each.value
}

resource "aws_iam_service_linked_role" "suffix" {
  aws_service_name = "autoscaling.amazonaws.com"
  custom_suffix    = "types"
}

# force_destroy makes the provider look for everything that a user can have.
resource "aws_iam_user" "this" {
  name          = "types"
  force_destroy = true
}

resource "aws_iam_user" "member" {
  name          = "types-member"
  force_destroy = true
}

resource "aws_iam_access_key" "this" {
  user = aws_iam_user.this.name
}

resource "aws_iam_user_group_membership" "this" {
  user   = aws_iam_user.this.name
  groups = [aws_iam_group.members.name]
}

resource "aws_iam_user_login_profile" "this" {
  user = aws_iam_user.this.name
}

resource "aws_iam_user_policy" "this" {
  name   = "inline"
  user   = aws_iam_user.this.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_user_policies_exclusive" "this" {
  user_name    = aws_iam_user.this.name
  policy_names = [aws_iam_user_policy.this.name]
}

resource "aws_iam_user_policy_attachment" "this" {
  user       = aws_iam_user.this.name
  policy_arn = aws_iam_policy.this.arn
}

resource "aws_iam_user_policy_attachments_exclusive" "this" {
  user_name   = aws_iam_user.this.name
  policy_arns = [aws_iam_user_policy_attachment.this.policy_arn]
}
