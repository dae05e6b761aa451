resource "aws_s3_bucket" "this" {
  bucket        = "types-of-terraform"
  force_destroy = true
}

resource "aws_s3_bucket" "other" {
  bucket              = "types-of-terraform-other"
  force_destroy       = true
  object_lock_enabled = true
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = { this = aws_s3_bucket.this.id, other = aws_s3_bucket.other.id }
  bucket   = each.value

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_accelerate_configuration" "this" {
  bucket = aws_s3_bucket.this.id
  status = "Enabled"
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerPreferred"
  }
}

resource "aws_s3_bucket_acl" "this" {
  bucket     = aws_s3_bucket.this.id
  acl        = "private"
  depends_on = [aws_s3_bucket_ownership_controls.this]
}

resource "aws_s3_bucket_cors_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  cors_rule {
    allowed_methods = ["GET"]
    allowed_origins = ["https://example.com"]
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "expire"
    status = "Enabled"

    filter {
      prefix = "tmp/"
    }

    expiration {
      days = 3
    }
  }
}

resource "aws_s3_bucket_logging" "this" {
  bucket        = aws_s3_bucket.this.id
  target_bucket = aws_s3_bucket.other.id
  target_prefix = "log/"
}

resource "aws_s3_bucket_notification" "this" {
  bucket      = aws_s3_bucket.this.id
  eventbridge = true
}

resource "aws_s3_bucket_object_lock_configuration" "this" {
  bucket = aws_s3_bucket.other.id

  rule {
    default_retention {
      mode = "GOVERNANCE"
      days = 1
    }
  }
}

data "aws_iam_policy_document" "read" {
  statement {
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.this.arn}/public/*"]

    principals {
      type        = "AWS"
      identifiers = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket            = aws_s3_bucket.this.id
  block_public_acls = true
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  name               = "types-s3"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_s3_bucket_replication_configuration" "this" {
  bucket     = aws_s3_bucket.this.id
  role       = aws_iam_role.this.arn
  depends_on = [aws_s3_bucket_versioning.this]

  rule {
    id     = "all"
    status = "Enabled"

    destination {
      bucket = aws_s3_bucket.other.arn
    }
  }
}

resource "aws_s3_bucket_request_payment_configuration" "this" {
  bucket = aws_s3_bucket.this.id
  payer  = "Requester"
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_website_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  index_document {
    suffix = "index.html"
  }
}

resource "aws_s3_bucket_object" "this" {
  bucket  = aws_s3_bucket.this.id
  key     = "old.txt"
  content = "deprecated, and used"
  tags    = { Kind = "text" }
}

resource "aws_s3_object" "this" {
  bucket  = aws_s3_bucket.this.id
  key     = "new.txt"
  content = "text"
}

resource "aws_s3_object_copy" "this" {
  bucket = aws_s3_bucket.this.id
  key    = "copy.txt"
  source = "${aws_s3_bucket.this.id}/${aws_s3_object.this.key}"
}
