locals {
  # What is current stays for so many days (null: until it is removed by its owner), replaced and deleted versions for others.
  lifecycles = {
    results = { expire = null, versions = 1 }
    exports = { expire = 365, versions = 30 }
    velero  = { expire = null, versions = 90 }
  }
}

resource "aws_s3_bucket" "main" {
  #checkov:skip=CKV_AWS_18:CloudTrail's data events are the record; access logs would need a bucket more
  #checkov:skip=CKV_AWS_144:recovery points are copied to another region by AWS Backup
  #checkov:skip=CKV2_AWS_62:nothing waits for new objects
  for_each = var.buckets

  bucket_prefix = "${var.name}-${each.key}-"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "main" {
  for_each = var.buckets

  bucket                  = aws_s3_bucket.main[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "main" {
  for_each = var.buckets

  bucket = aws_s3_bucket.main[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "main" {
  for_each = var.buckets

  bucket = aws_s3_bucket.main[each.key].id

  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_versioning" "main" {
  for_each = var.buckets

  bucket = aws_s3_bucket.main[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "main" {
  for_each = var.buckets

  bucket = aws_s3_bucket.main[each.key].id

  # An upload that was begun and is a day old belongs to a process that is gone.
  rule {
    id     = "interrupted-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  rule {
    id     = "versions"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = local.lifecycles[each.key].versions
    }
  }

  dynamic "rule" {
    for_each = local.lifecycles[each.key].expire == null ? [] : [local.lifecycles[each.key].expire]
    content {
      id     = "old"
      status = "Enabled"
      filter {}
      expiration {
        days = rule.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.main]
}

resource "aws_s3_bucket_policy" "main" {
  for_each = var.buckets

  bucket = aws_s3_bucket.main[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.main[each.key].arn, "${aws_s3_bucket.main[each.key].arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.main]
}
