variable "name" {
  description = "Prefix of every name, for example myhealth-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "The name is 3 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "engine" {
  description = "instance (RDS for PostgreSQL, Multi-AZ by variable) or aurora (Aurora PostgreSQL)."
  type        = string
  default     = "instance"

  validation {
    condition     = contains(["instance", "aurora"], var.engine)
    error_message = "One of: instance, aurora."
  }
}

variable "postgres_version" {
  description = "Major version of PostgreSQL. Minor versions follow by themselves within the maintenance window."
  type        = number
  default     = 18

  validation {
    condition     = var.postgres_version >= 16 && floor(var.postgres_version) == var.postgres_version
    error_message = "16 or newer, as a whole number: standard support of what is older ends soon and is paid afterwards."
  }
}

variable "instance_class" {
  description = "Class of the instance, or of Aurora's instances, such as db.t4g.micro or db.r8g.large."
  type        = string
  default     = "db.t4g.micro"

  validation {
    condition     = can(regex("^db\\.", var.instance_class))
    error_message = "A class begins with db., such as db.t4g.micro."
  }
}

variable "storage_gibibytes" {
  description = "Storage at the beginning, and how far it may grow by itself. Aurora grows without being told."
  type        = object({ allocated = number, maximum = number })
  default     = { allocated = 20, maximum = 100 }

  validation {
    condition     = var.storage_gibibytes.allocated >= 20 && var.storage_gibibytes.maximum > var.storage_gibibytes.allocated
    error_message = "At least 20 GiB (gp3), and a maximum above it."
  }
}

variable "multi_az" {
  description = "A standby in another zone (an instance of Aurora's in another zone)."
  type        = bool
  default     = false
}

variable "replicas" {
  description = "Replicas that answer reads: the program's --database-replica-url."
  type        = number
  default     = 0

  validation {
    condition     = var.replicas >= 0 && var.replicas <= 5 && floor(var.replicas) == var.replicas
    error_message = "0 to 5."
  }
}

variable "vpc_id" {
  description = "VPC of the database."
  type        = string
}

variable "subnet_ids" {
  description = "Database subnets in at least two zones."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "RDS needs subnets in at least two zones, for a single instance too."
  }
}

variable "client_security_group_ids" {
  description = "Groups that may connect, by name: the cluster's nodes."
  type        = map(string)
}

variable "backup_days" {
  description = "Days for which any point in time can be restored."
  type        = number
  default     = 7

  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 35
    error_message = "7 to 35 days."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete the database, and keep a last snapshot when it is deleted all the same."
  type        = bool
  default     = true
}

variable "insights" {
  description = "Database Insights (standard) with 7 days, and enhanced monitoring each minute."
  type        = bool
  default     = false
}

variable "export" {
  description = "Weekly export of the newest snapshot to S3 as Parquet; null for none."
  type        = object({ bucket_name = string, bucket_arn = string })
  default     = null
}

variable "alarm_topic" {
  description = "SNS topic of alarms; null for none."
  type        = object({ arn = string })
  default     = null
}

variable "kms_key_arn" {
  description = "Key that encrypts what this module keeps."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "The ARN of a KMS key."
  }
}
