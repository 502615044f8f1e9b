variable "name" {
  description = "Prefix of every name, for example myhealth-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "The name is 3 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "domain" {
  description = "Domain of the zone, for example health.example.org."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "A domain in lower case without a dot at its end, such as health.example.org."
  }
}

variable "zone_id" {
  description = "An existing public hosted zone; null makes one, whose name servers must then be delegated to."
  type        = string
  default     = null
}

variable "alternative_names" {
  description = "Further names on the certificate, within the domain."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.alternative_names : endswith(name, ".${var.domain}")])
    error_message = "Names end in the domain: their proof lies in its zone."
  }
}

variable "cdn_certificate" {
  description = "Another certificate in us-east-1, where CloudFront looks for it."
  type        = bool
  default     = false
}
