output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.main.id
}

output "cidr" {
  description = "Its IPv4 range."
  value       = aws_vpc.main.cidr_block
}

output "public_subnet_ids" {
  description = "Subnets of internet-facing load balancers, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.public[zone].id]
}

output "private_subnet_ids" {
  description = "Subnets of nodes and internal load balancers, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.private[zone].id]
}

output "database_subnet_ids" {
  description = "Subnets without a way out, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.database[zone].id]
}

output "nat_addresses" {
  description = "Public addresses from which private subnets reach the internet."
  value       = [for zone in local.nat_zones : aws_eip.nat[zone].public_ip]
}
