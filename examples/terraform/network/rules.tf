# Who may talk to whom: security groups with rules inside them, beside them and as objects of their own, a network ACL, and
# an interface that stands behind them with an address of its own.

data "aws_prefix_list" "s3" {
  name = "com.amazonaws.us-east-1.s3"
}

resource "aws_security_group" "inline" {
  name        = "inline"
  description = "rules inside"
  vpc_id      = aws_vpc.main.id

  ingress {
    description = "web, ${var.stage}"
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["10.20.0.0/16", "10.21.0.0/16"]
  }

  ingress {
    from_port = 0
    to_port   = 0
    protocol  = "-1"
    self      = true
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "beside" {
  name        = "beside"
  description = "rules beside"
  vpc_id      = aws_vpc.main.id
}

resource "aws_security_group_rule" "ping" {
  security_group_id = aws_security_group.beside.id
  type              = "ingress"
  protocol          = "icmp"
  from_port         = 8
  to_port           = -1
  cidr_blocks       = ["0.0.0.0/0"]
}

resource "aws_security_group_rule" "from_inline" {
  security_group_id        = aws_security_group.beside.id
  type                     = "ingress"
  protocol                 = "tcp"
  from_port                = 2049
  to_port                  = 2049
  source_security_group_id = aws_security_group.inline.id
}

resource "aws_security_group" "objects" {
  name        = "objects"
  description = "rules as objects"
  vpc_id      = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "web" {
  security_group_id = aws_security_group.objects.id
  description       = "web, ${var.stage}"
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
  cidr_ipv4         = "10.0.0.0/8"
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  security_group_id = aws_security_group.objects.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  prefix_list_id    = data.aws_prefix_list.s3.id
}

resource "aws_vpc_security_group_egress_rule" "peers" {
  security_group_id            = aws_security_group.objects.id
  ip_protocol                  = "-1"
  referenced_security_group_id = aws_security_group.beside.id
}

resource "aws_network_acl" "main" {
  vpc_id     = aws_vpc.main.id
  subnet_ids = [aws_subnet.private.id]

  ingress {
    rule_no    = 100
    protocol   = "tcp"
    action     = "allow"
    cidr_block = "10.20.0.0/16"
    from_port  = 443
    to_port    = 443
  }

  egress {
    rule_no    = 100
    protocol   = "-1"
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }
}

resource "aws_network_acl_rule" "deny" {
  network_acl_id = aws_network_acl.single.id
  rule_number    = 50
  egress         = false
  protocol       = "udp"
  rule_action    = "deny"
  cidr_block     = "192.0.2.0/24"
  from_port      = 53
  to_port        = 53
}

resource "aws_network_acl" "single" {
  vpc_id = aws_vpc.main.id
}

resource "aws_network_interface" "main" {
  subnet_id       = aws_subnet.private.id
  description     = "interface, ${var.stage}"
  private_ips     = ["10.21.1.7"]
  security_groups = [aws_security_group.objects.id]
}

resource "aws_eip" "interface" {
  domain            = "vpc"
  network_interface = aws_network_interface.main.id
  depends_on        = [aws_internet_gateway.main]
}

output "interface" {
  value = aws_network_interface.main.id
}
