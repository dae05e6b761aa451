# The default network of the region, and a network of one's own.

resource "aws_default_vpc" "this" {
}

resource "aws_default_subnet" "this" {
  availability_zone = "us-east-1a"
}

# A network without subnets, whose default parts are taken over.
resource "aws_vpc" "plain" {
  cidr_block = "10.93.0.0/16"
}

resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.plain.id
}

resource "aws_default_route_table" "this" {
  default_route_table_id = aws_vpc.plain.default_route_table_id
}

resource "aws_default_network_acl" "this" {
  default_network_acl_id = aws_vpc.plain.default_network_acl_id
}

resource "aws_default_vpc_dhcp_options" "this" {
}

# Its main route table becomes another one, and the attribute follows, on AWS too.
resource "aws_vpc" "this" {
  cidr_block                       = "10.90.0.0/16"
  assign_generated_ipv6_cidr_block = true
}

resource "aws_vpc_ipv4_cidr_block_association" "this" {
  vpc_id     = aws_vpc.this.id
  cidr_block = "10.91.0.0/16"
}

resource "aws_vpc" "second" {
  cidr_block = "10.92.0.0/16"

  lifecycle {
    ignore_changes = [assign_generated_ipv6_cidr_block]
  }
}

resource "aws_vpc_ipv6_cidr_block_association" "this" {
  vpc_id                           = aws_vpc.second.id
  assign_generated_ipv6_cidr_block = true
}

resource "aws_vpc_dhcp_options" "this" {
  domain_name         = "types.internal"
  domain_name_servers = ["AmazonProvidedDNS"]
}

resource "aws_vpc_dhcp_options_association" "this" {
  vpc_id          = aws_vpc.this.id
  dhcp_options_id = aws_vpc_dhcp_options.this.id
}

resource "aws_subnet" "this" {
  vpc_id            = aws_vpc.this.id
  cidr_block        = "10.90.1.0/24"
  availability_zone = "us-east-1a"
}

resource "aws_subnet" "second" {
  vpc_id            = aws_vpc.this.id
  cidr_block        = "10.90.2.0/24"
  ipv6_cidr_block   = cidrsubnet(aws_vpc.this.ipv6_cidr_block, 8, 2)
  availability_zone = "us-east-1b"
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_internet_gateway" "second" {
}

resource "aws_internet_gateway_attachment" "this" {
  internet_gateway_id = aws_internet_gateway.second.id
  vpc_id              = aws_vpc.second.id
}

resource "aws_route_table" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_route_table" "main" {
  vpc_id = aws_vpc.this.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this.id
  }
}

resource "aws_main_route_table_association" "this" {
  vpc_id         = aws_vpc.this.id
  route_table_id = aws_route_table.main.id
}

resource "aws_route_table_association" "this" {
  subnet_id      = aws_subnet.this.id
  route_table_id = aws_route_table.this.id
}

resource "aws_route" "this" {
  route_table_id         = aws_route_table.this.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_egress_only_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_route" "ipv6" {
  route_table_id              = aws_route_table.this.id
  destination_ipv6_cidr_block = "::/0"
  egress_only_gateway_id      = aws_egress_only_internet_gateway.this.id
}

resource "aws_eip" "this" {
  domain = "vpc"
}

resource "aws_eip" "nat" {
  domain = "vpc"
}

resource "aws_eip_association" "this" {
  allocation_id        = aws_eip.this.id
  network_interface_id = aws_network_interface.this.id
}

resource "aws_nat_gateway" "this" {
  allocation_id = aws_eip.nat.id
  subnet_id     = aws_subnet.this.id
  depends_on    = [aws_internet_gateway.this]
}

resource "aws_nat_gateway" "private" {
  connectivity_type = "private"
  subnet_id         = aws_subnet.second.id
}

resource "aws_network_acl" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_network_acl_association" "this" {
  network_acl_id = aws_network_acl.this.id
  subnet_id      = aws_subnet.this.id
}

resource "aws_network_acl_rule" "this" {
  network_acl_id = aws_network_acl.this.id
  rule_number    = 100
  protocol       = "tcp"
  rule_action    = "allow"
  cidr_block     = "0.0.0.0/0"
  from_port      = 80
  to_port        = 80
}

resource "aws_network_acl_rule" "esp" {
  network_acl_id = aws_network_acl.this.id
  rule_number    = 110
  protocol       = "50"
  rule_action    = "deny"
  cidr_block     = "0.0.0.0/0"
}

resource "aws_network_acl_rule" "icmp" {
  network_acl_id = aws_network_acl.this.id
  rule_number    = 120
  protocol       = "icmp"
  rule_action    = "allow"
  cidr_block     = "10.0.0.0/8"
  icmp_type      = -1
  icmp_code      = -1
}

resource "aws_network_interface" "this" {
  subnet_id = aws_subnet.this.id
}

resource "aws_network_interface_sg_attachment" "this" {
  security_group_id    = aws_security_group.this.id
  network_interface_id = aws_network_interface.this.id
}

resource "aws_security_group" "this" {
  name   = "types"
  vpc_id = aws_vpc.this.id
}

# Rules inside a group, one of each kind of protocol.
resource "aws_security_group" "inline" {
  name   = "types-inline"
  vpc_id = aws_vpc.this.id

  ingress {
    protocol    = "50"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["10.0.0.0/8"]
  }

  ingress {
    protocol    = "47"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["10.0.0.0/8"]
  }

  ingress {
    protocol         = "icmpv6"
    from_port        = -1
    to_port          = -1
    ipv6_cidr_blocks = ["::/0"]
  }

  ingress {
    protocol    = "icmp"
    from_port   = 8
    to_port     = 0
    cidr_blocks = ["10.0.0.0/8"]
  }

  ingress {
    protocol  = "udp"
    from_port = 53
    to_port   = 53
    self      = true
  }

  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group_rule" "this" {
  for_each = { esp = ["50", 0, 0], ah = ["51", 0, 0], tcp = ["tcp", 80, 90], all = ["-1", 0, 0], icmp = ["icmp", 8, 0] }

  security_group_id = aws_security_group.this.id
  type              = "ingress"
  protocol          = each.value[0]
  from_port         = each.value[1]
  to_port           = each.value[2]
  cidr_blocks       = ["192.168.0.0/16"]
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = { esp = ["50", null, null], tcp = ["tcp", 443, 443], all = ["-1", null, null], ping = ["icmp", 8, -1] }

  security_group_id = aws_security_group.this.id
  ip_protocol       = each.value[0]
  from_port         = each.value[1]
  to_port           = each.value[2]
  cidr_ipv4         = "10.1.0.0/16"
}

resource "aws_vpc_security_group_egress_rule" "this" {
  security_group_id            = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
  referenced_security_group_id = aws_security_group.inline.id
}

resource "aws_ec2_tag" "this" {
  resource_id = aws_network_interface.tagged.id
  key         = "Types"
  value       = "yes"
}

resource "aws_network_interface" "tagged" {
  subnet_id = aws_subnet.this.id

  lifecycle {
    ignore_changes = [tags]
  }
}

resource "aws_vpc_endpoint" "gateway" {
  vpc_id       = aws_vpc.this.id
  service_name = "com.amazonaws.us-east-1.s3"
}

resource "aws_vpc_endpoint" "interface" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.us-east-1.ecr.api"
  vpc_endpoint_type = "Interface"
}

resource "aws_vpc_endpoint_policy" "this" {
  vpc_endpoint_id = aws_vpc_endpoint.gateway.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = "*", Action = "s3:GetObject", Resource = "*" }]
  })
}

resource "aws_vpc_endpoint_route_table_association" "this" {
  vpc_endpoint_id = aws_vpc_endpoint.gateway.id
  route_table_id  = aws_route_table.this.id
}

resource "aws_vpc_endpoint_security_group_association" "this" {
  vpc_endpoint_id   = aws_vpc_endpoint.interface.id
  security_group_id = aws_security_group.this.id
}

resource "aws_vpc_endpoint_subnet_association" "this" {
  vpc_endpoint_id = aws_vpc_endpoint.interface.id
  subnet_id       = aws_subnet.this.id
}

resource "aws_vpc_endpoint_private_dns" "this" {
  vpc_endpoint_id     = aws_vpc_endpoint.interface.id
  private_dns_enabled = false
}
