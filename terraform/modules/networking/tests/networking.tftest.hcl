mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
}

variables {
  name        = "myhealth-test"
  zones       = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
}

run "subnets_do_not_overlap_and_are_planned_for_three_zones" {
  command = plan

  assert {
    condition     = [for zone in var.zones : aws_subnet.public[zone].cidr_block] == ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]
    error_message = "public: ${jsonencode([for subnet in aws_subnet.public : subnet.cidr_block])}"
  }
  assert {
    condition     = [for zone in var.zones : aws_subnet.database[zone].cidr_block] == ["10.0.8.0/24", "10.0.9.0/24", "10.0.10.0/24"]
    error_message = "database: ${jsonencode([for subnet in aws_subnet.database : subnet.cidr_block])}"
  }
  assert {
    condition     = [for zone in var.zones : aws_subnet.private[zone].cidr_block] == ["10.0.16.0/20", "10.0.32.0/20", "10.0.48.0/20"]
    error_message = "private: ${jsonencode([for subnet in aws_subnet.private : subnet.cidr_block])}"
  }
}

run "single_nat_serves_every_zone" {
  command = apply

  assert {
    condition     = length(aws_nat_gateway.main) == 1 && length(aws_route.nat) == 3
    error_message = "One gateway, and a route to it from each zone."
  }
  assert {
    condition     = length(distinct([for route in aws_route.nat : route.nat_gateway_id])) == 1
    error_message = "All routes go to the one gateway."
  }
  assert {
    condition     = length(output.private_subnet_ids) == 3 && length(output.nat_addresses) == 1
    error_message = "Outputs name every subnet and address."
  }
}

run "nat_per_zone_keeps_traffic_in_its_zone" {
  command = apply

  variables {
    nat = "per-zone"
  }

  assert {
    condition     = alltrue([for zone in var.zones : aws_route.nat[zone].nat_gateway_id == aws_nat_gateway.main[zone].id])
    error_message = "Each zone uses its own gateway."
  }
}

run "without_nat_there_is_no_way_out" {
  command = plan

  variables {
    nat = "none"
  }

  assert {
    condition     = length(aws_nat_gateway.main) == 0 && length(aws_route.nat) == 0 && length(aws_eip.nat) == 0
    error_message = "Nothing that costs, and no route."
  }
}

run "s3_has_a_free_endpoint_and_no_other_is_made_unasked" {
  command = plan

  assert {
    condition     = aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway" && aws_vpc_endpoint.s3.service_name == "com.amazonaws.eu-central-1.s3"
    error_message = "S3 is reached by a gateway endpoint."
  }
  assert {
    condition     = length(aws_vpc_endpoint.interface) == 0 && length(aws_security_group.endpoints) == 0
    error_message = "Interface endpoints cost, so there are none by default."
  }
}

run "interface_endpoints_take_https_from_the_vpc_only" {
  command = plan

  variables {
    interface_endpoints = ["sts", "ecr.api"]
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 2 && aws_vpc_endpoint.interface["sts"].private_dns_enabled
    error_message = "Each service that was asked for, under its usual name."
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.endpoints[0].cidr_ipv4 == var.cidr && aws_vpc_security_group_ingress_rule.endpoints[0].from_port == 443
    error_message = "HTTPS from the VPC."
  }
}

run "flow_logs_are_kept_for_a_year_and_their_role_writes_there_only" {
  command = apply

  assert {
    condition     = aws_flow_log.main.traffic_type == "ALL" && aws_cloudwatch_log_group.flow_logs.retention_in_days == 365
    error_message = "All traffic, for a year."
  }
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.flow_logs.policy).Statement : statement.Resource == "${aws_cloudwatch_log_group.flow_logs.arn}:*"])
    error_message = "The role may write to its own log group only."
  }
}

run "public_subnets_give_no_addresses_by_themselves" {
  command = plan

  assert {
    condition     = alltrue([for subnet in aws_subnet.public : !subnet.map_public_ip_on_launch])
    error_message = "A public address is asked for by name."
  }
}

run "small_range_is_refused" {
  command = plan
  variables {
    cidr = "10.0.0.0/20"
  }
  expect_failures = [var.cidr]
}

run "public_range_is_refused" {
  command = plan
  variables {
    cidr = "8.8.0.0/16"
  }
  expect_failures = [var.cidr]
}

run "one_zone_is_refused" {
  command = plan
  variables {
    zones = ["eu-central-1a"]
  }
  expect_failures = [var.zones]
}

run "unknown_nat_is_refused" {
  command = plan
  variables {
    nat = "instance"
  }
  expect_failures = [var.nat]
}

run "paid_endpoint_for_s3_is_refused" {
  command = plan
  variables {
    interface_endpoints = ["s3"]
  }
  expect_failures = [var.interface_endpoints]
}

run "short_retention_is_refused" {
  command = plan
  variables {
    flow_log_retention_days = 7
  }
  expect_failures = [var.flow_log_retention_days]
}

run "name_in_capitals_is_refused" {
  command = plan
  variables {
    name = "MyHealth"
  }
  expect_failures = [var.name]
}
