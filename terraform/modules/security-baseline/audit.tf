# One bucket for CloudTrail and Config. Its objects cannot be deleted or changed before their time, not even by us.

resource "aws_s3_bucket" "audit" {
  #checkov:skip=CKV_AWS_18:a log of the log's readers is CloudTrail itself
  #checkov:skip=CKV_AWS_144:the organisation's own archive is the place for copies
  #checkov:skip=CKV2_AWS_62:nothing waits for new objects
  count = local.audit ? 1 : 0

  bucket_prefix       = "${var.name}-audit-"
  force_destroy       = var.force_destroy
  object_lock_enabled = true
}

resource "aws_s3_bucket_versioning" "audit" {
  count  = local.audit ? 1 : 0
  bucket = aws_s3_bucket.audit[0].id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "audit" {
  count                   = local.audit ? 1 : 0
  bucket                  = aws_s3_bucket.audit[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "audit" {
  count  = local.audit ? 1 : 0
  bucket = aws_s3_bucket.audit[0].id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_object_lock_configuration" "audit" {
  count  = local.audit ? 1 : 0
  bucket = aws_s3_bucket.audit[0].id
  rule {
    default_retention {
      # Governance can be lifted by who has the right to; an environment that comes and goes has it.
      mode = var.force_destroy ? "GOVERNANCE" : "COMPLIANCE"
      days = var.audit_days
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "audit" {
  count  = local.audit ? 1 : 0
  bucket = aws_s3_bucket.audit[0].id

  rule {
    id     = "old"
    status = "Enabled"
    filter {}
    expiration {
      days = var.audit_days + 1
    }
    noncurrent_version_expiration {
      noncurrent_days = 1
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  depends_on = [aws_s3_bucket_versioning.audit]
}

resource "aws_s3_bucket_policy" "audit" {
  count  = local.audit ? 1 : 0
  bucket = aws_s3_bucket.audit[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.audit[0].arn, "${aws_s3_bucket.audit[0].arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      [for service, from in { cloudtrail = { "aws:SourceArn" = local.trail }, config = { "aws:SourceAccount" = local.account } } : {
        Sid                              = "${title(service)}Acl"
        Effect                           = "Allow"
        Principal                        = { Service = "${service}.amazonaws.com" }
        Action                           = ["s3:GetBucketAcl", "s3:ListBucket"]
        Resource                         = [aws_s3_bucket.audit[0].arn]
        Condition                        = { StringEquals = from }
      }],
      [for service, from in { cloudtrail = { "aws:SourceArn" = local.trail }, config = { "aws:SourceAccount" = local.account } } : {
        Sid                              = "${title(service)}Write"
        Effect                           = "Allow"
        Principal                        = { Service = "${service}.amazonaws.com" }
        Action                           = ["s3:PutObject"]
        Resource                         = ["${aws_s3_bucket.audit[0].arn}/AWSLogs/${local.account}/*"]
        Condition                        = { StringEquals = merge(from, { "s3:x-amz-acl" = "bucket-owner-full-control" }) }
      }],
    )
  })

  depends_on = [aws_s3_bucket_public_access_block.audit]
}

resource "aws_cloudtrail" "main" {
  #checkov:skip=CKV2_AWS_10:CloudWatch Logs would bill what the bucket keeps already
  #checkov:skip=CKV_AWS_252:a message for each file delivered; findings come by GuardDuty
  count = var.cloudtrail ? 1 : 0

  name                          = var.name
  s3_bucket_name                = aws_s3_bucket.audit[0].id
  kms_key_id                    = var.kms_key_arn
  is_multi_region_trail         = true
  include_global_service_events = true
  enable_log_file_validation    = true

  advanced_event_selector {
    name = "management"
    field_selector {
      field  = "eventCategory"
      equals = ["Management"]
    }
  }

  dynamic "advanced_event_selector" {
    for_each = length(var.trail_buckets) > 0 ? [var.trail_buckets] : []
    content {
      name = "health-data"
      field_selector {
        field  = "eventCategory"
        equals = ["Data"]
      }
      field_selector {
        field  = "resources.type"
        equals = ["AWS::S3::Object"]
      }
      field_selector {
        field       = "resources.ARN"
        starts_with = [for arn in advanced_event_selector.value : "${arn}/"]
      }
    }
  }

  depends_on = [aws_s3_bucket_policy.audit]
}

resource "aws_iam_role" "config" {
  count = var.config ? 1 : 0

  name = "${var.name}-config"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "config.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "config" {
  count = var.config ? 1 : 0

  role       = aws_iam_role.config[0].name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AWS_ConfigRole"
}

resource "aws_config_configuration_recorder" "main" {
  count = var.config ? 1 : 0

  name     = var.name
  role_arn = aws_iam_role.config[0].arn

  recording_group {
    all_supported                 = true
    include_global_resource_types = true
  }
}

resource "aws_config_delivery_channel" "main" {
  count = var.config ? 1 : 0

  name           = var.name
  s3_bucket_name = aws_s3_bucket.audit[0].id
  s3_kms_key_arn = var.kms_key_arn

  depends_on = [aws_config_configuration_recorder.main, aws_s3_bucket_policy.audit]
}

resource "aws_config_configuration_recorder_status" "main" {
  count = var.config ? 1 : 0

  name       = aws_config_configuration_recorder.main[0].name
  is_enabled = true

  depends_on = [aws_config_delivery_channel.main, aws_iam_role_policy_attachment.config]
}

resource "aws_config_config_rule" "main" {
  for_each = var.config ? {
    encrypted-volumes          = "ENCRYPTED_VOLUMES"
    rds-storage-encrypted      = "RDS_STORAGE_ENCRYPTED"
    rds-instance-public-access = "RDS_INSTANCE_PUBLIC_ACCESS_CHECK"
    s3-bucket-public-read      = "S3_BUCKET_PUBLIC_READ_PROHIBITED"
    s3-bucket-tls-only         = "S3_BUCKET_SSL_REQUESTS_ONLY"
    eks-endpoint-no-public     = "EKS_ENDPOINT_NO_PUBLIC_ACCESS"
    eks-secrets-encrypted      = "EKS_SECRETS_ENCRYPTED"
    iam-root-access-key        = "IAM_ROOT_ACCESS_KEY_CHECK"
    root-account-mfa           = "ROOT_ACCOUNT_MFA_ENABLED"
    vpc-default-sg-closed      = "VPC_DEFAULT_SECURITY_GROUP_CLOSED"
    vpc-flow-logs              = "VPC_FLOW_LOGS_ENABLED"
    cloudtrail                 = "CLOUD_TRAIL_ENABLED"
  } : {}

  name = "${var.name}-${each.key}"

  source {
    owner             = "AWS"
    source_identifier = each.value
  }

  depends_on = [aws_config_configuration_recorder_status.main]
}
