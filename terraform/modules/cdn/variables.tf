variable "name" {
  description = "Prefix of every name, for example myhealth-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "The name is 3 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "domain" {
  description = "Name of the site, for example docs.health.example.org."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "A name in lower case without a dot at its end, such as docs.health.example.org."
  }
}

variable "zone_id" {
  description = "Hosted zone of the name."
  type        = string
}

variable "certificate_arn" {
  description = "Certificate for the name, in us-east-1, where CloudFront looks for it."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:acm:us-east-1:", var.certificate_arn))
    error_message = "The ARN of a certificate in ACM in us-east-1."
  }
}

variable "price_class" {
  description = "Where edges are: PriceClass_100 (Europe, North America), PriceClass_200 or PriceClass_All."
  type        = string
  default     = "PriceClass_100"

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "One of: PriceClass_100, PriceClass_200, PriceClass_All."
  }
}

variable "force_destroy" {
  description = "Delete the bucket with what is in it; a site can be published again."
  type        = bool
  default     = true
}
