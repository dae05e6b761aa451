/* kinds: the kinds of resources as data: ids, errors, and where in their documents the values are that filters mean. */
#include "services/ec2/ec2.h"

#define FACET(filter, path)                                                                                            \
    {                                                                                                                  \
        {filter, sizeof(filter) - 1},                                                                                  \
        {                                                                                                              \
            path, sizeof(path) - 1                                                                                     \
        }                                                                                                              \
    }
#define END                                                                                                            \
    {                                                                                                                  \
        {NULL, 0},                                                                                                     \
        {                                                                                                              \
            NULL, 0                                                                                                    \
        }                                                                                                              \
    }

static const struct kind_facet vpc_facets[] = {
    FACET("vpc-id", "VpcId"),
    FACET("state", "State"),
    FACET("cidr", "CidrBlock"),
    FACET("cidrBlock", "CidrBlock"),
    FACET("cidr-block-association.cidr-block", "CidrBlockAssociationSet.CidrBlock"),
    FACET("cidr-block-association.association-id", "CidrBlockAssociationSet.AssociationId"),
    FACET("cidr-block-association.state", "CidrBlockAssociationSet.CidrBlockState.State"),
    FACET("ipv6-cidr-block-association.ipv6-cidr-block", "Ipv6CidrBlockAssociationSet.Ipv6CidrBlock"),
    FACET("ipv6-cidr-block-association.association-id", "Ipv6CidrBlockAssociationSet.AssociationId"),
    FACET("ipv6-cidr-block-association.state", "Ipv6CidrBlockAssociationSet.Ipv6CidrBlockState.State"),
    FACET("ipv6-cidr-block-association.ipv6-pool", "Ipv6CidrBlockAssociationSet.Ipv6Pool"),
    FACET("dhcp-options-id", "DhcpOptionsId"),
    FACET("dhcpOptionsId", "DhcpOptionsId"),
    FACET("is-default", "IsDefault"),
    FACET("isDefault", "IsDefault"),
    FACET("owner-id", "OwnerId"),
    END,
};

static const struct kind_facet subnet_facets[] = {
    FACET("subnet-id", "SubnetId"),
    FACET("subnetId", "SubnetId"),
    FACET("vpc-id", "VpcId"),
    FACET("vpcId", "VpcId"),
    FACET("state", "State"),
    FACET("cidr", "CidrBlock"),
    FACET("cidrBlock", "CidrBlock"),
    FACET("cidr-block", "CidrBlock"),
    FACET("ipv6-cidr-block-association.ipv6-cidr-block", "Ipv6CidrBlockAssociationSet.Ipv6CidrBlock"),
    FACET("ipv6-cidr-block-association.association-id", "Ipv6CidrBlockAssociationSet.AssociationId"),
    FACET("ipv6-cidr-block-association.state", "Ipv6CidrBlockAssociationSet.Ipv6CidrBlockState.State"),
    FACET("availability-zone", "AvailabilityZone"),
    FACET("availabilityZone", "AvailabilityZone"),
    FACET("availability-zone-id", "AvailabilityZoneId"),
    FACET("availabilityZoneId", "AvailabilityZoneId"),
    FACET("default-for-az", "DefaultForAz"),
    FACET("defaultForAz", "DefaultForAz"),
    FACET("map-public-ip-on-launch", "MapPublicIpOnLaunch"),
    FACET("owner-id", "OwnerId"),
    FACET("subnet-arn", "SubnetArn"),
    FACET("ipv6-native", "Ipv6Native"),
    FACET("outpost-arn", "OutpostArn"),
    FACET("customer-owned-ipv4-pool", "CustomerOwnedIpv4Pool"),
    FACET("map-customer-owned-ip-on-launch", "MapCustomerOwnedIpOnLaunch"),
    FACET("enable-dns64", "EnableDns64"),
    FACET("private-dns-name-options-on-launch.hostname-type", "PrivateDnsNameOptionsOnLaunch.HostnameType"),
    END,
};

static const struct kind_facet internet_gateway_facets[] = {
    FACET("internet-gateway-id", "InternetGatewayId"),
    FACET("attachment.vpc-id", "Attachments.VpcId"),
    FACET("attachment.state", "Attachments.State"),
    FACET("owner-id", "OwnerId"),
    END,
};

static const struct kind_facet nat_gateway_facets[] = {
    FACET("nat-gateway-id", "NatGatewayId"),
    FACET("state", "State"),
    FACET("subnet-id", "SubnetId"),
    FACET("vpc-id", "VpcId"),
    FACET("connectivity-type", "ConnectivityType"),
    END,
};

static const struct kind_facet route_table_facets[] = {
    FACET("route-table-id", "RouteTableId"),
    FACET("vpc-id", "VpcId"),
    FACET("owner-id", "OwnerId"),
    FACET("association.main", "Associations.Main"),
    FACET("association.route-table-association-id", "Associations.RouteTableAssociationId"),
    FACET("association.route-table-id", "Associations.RouteTableId"),
    FACET("association.subnet-id", "Associations.SubnetId"),
    FACET("association.gateway-id", "Associations.GatewayId"),
    FACET("route.destination-cidr-block", "Routes.DestinationCidrBlock"),
    FACET("route.destination-ipv6-cidr-block", "Routes.DestinationIpv6CidrBlock"),
    FACET("route.destination-prefix-list-id", "Routes.DestinationPrefixListId"),
    FACET("route.gateway-id", "Routes.GatewayId"),
    FACET("route.nat-gateway-id", "Routes.NatGatewayId"),
    FACET("route.instance-id", "Routes.InstanceId"),
    FACET("route.egress-only-internet-gateway-id", "Routes.EgressOnlyInternetGatewayId"),
    FACET("route.transit-gateway-id", "Routes.TransitGatewayId"),
    FACET("route.vpc-peering-connection-id", "Routes.VpcPeeringConnectionId"),
    FACET("route.origin", "Routes.Origin"),
    FACET("route.state", "Routes.State"),
    END,
};

#define PERMISSION_FACETS(filter, path)                                                                                \
    FACET(filter ".cidr", path ".IpRanges.CidrIp"), FACET(filter ".ipv6-cidr", path ".Ipv6Ranges.CidrIpv6"),           \
        FACET(filter ".from-port", path ".FromPort"), FACET(filter ".to-port", path ".ToPort"),                        \
        FACET(filter ".protocol", path ".IpProtocol"), FACET(filter ".group-id", path ".UserIdGroupPairs.GroupId"),    \
        FACET(filter ".group-name", path ".UserIdGroupPairs.GroupName"),                                               \
        FACET(filter ".user-id", path ".UserIdGroupPairs.UserId"),                                                     \
        FACET(filter ".prefix-list-id", path ".PrefixListIds.PrefixListId")

static const struct kind_facet security_group_facets[] = {
    FACET("group-id", "GroupId"),
    FACET("group-name", "GroupName"),
    FACET("description", "Description"),
    FACET("vpc-id", "VpcId"),
    FACET("owner-id", "OwnerId"),
    PERMISSION_FACETS("ip-permission", "IpPermissions"),
    PERMISSION_FACETS("egress.ip-permission", "IpPermissionsEgress"),
    END,
};

static const struct kind_facet security_group_rule_facets[] = {
    FACET("group-id", "GroupId"),
    FACET("security-group-rule-id", "SecurityGroupRuleId"),
    FACET("referenced-group-id", "ReferencedGroupInfo.GroupId"),
    END,
};

static const struct kind_facet network_acl_facets[] = {
    FACET("network-acl-id", "NetworkAclId"),
    FACET("vpc-id", "VpcId"),
    FACET("default", "IsDefault"),
    FACET("owner-id", "OwnerId"),
    FACET("association.association-id", "Associations.NetworkAclAssociationId"),
    FACET("association.network-acl-id", "Associations.NetworkAclId"),
    FACET("association.subnet-id", "Associations.SubnetId"),
    FACET("entry.cidr", "Entries.CidrBlock"),
    FACET("entry.ipv6-cidr", "Entries.Ipv6CidrBlock"),
    FACET("entry.protocol", "Entries.Protocol"),
    FACET("entry.rule-action", "Entries.RuleAction"),
    FACET("entry.rule-number", "Entries.RuleNumber"),
    FACET("entry.port-range.from", "Entries.PortRange.From"),
    FACET("entry.port-range.to", "Entries.PortRange.To"),
    FACET("entry.egress", "Entries.Egress"),
    FACET("entry.icmp.code", "Entries.IcmpTypeCode.Code"),
    FACET("entry.icmp.type", "Entries.IcmpTypeCode.Type"),
    END,
};

static const struct kind_facet network_interface_facets[] = {
    FACET("network-interface-id", "NetworkInterfaceId"),
    FACET("subnet-id", "SubnetId"),
    FACET("vpc-id", "VpcId"),
    FACET("status", "Status"),
    FACET("description", "Description"),
    FACET("group-id", "Groups.GroupId"),
    FACET("group-name", "Groups.GroupName"),
    FACET("availability-zone", "AvailabilityZone"),
    FACET("availability-zone-id", "AvailabilityZoneId"),
    FACET("mac-address", "MacAddress"),
    FACET("owner-id", "OwnerId"),
    FACET("private-ip-address", "PrivateIpAddress"),
    FACET("private-dns-name", "PrivateDnsName"),
    FACET("addresses.private-ip-address", "PrivateIpAddresses.PrivateIpAddress"),
    FACET("addresses.primary", "PrivateIpAddresses.Primary"),
    FACET("addresses.association.public-ip", "PrivateIpAddresses.Association.PublicIp"),
    FACET("addresses.association.owner-id", "PrivateIpAddresses.Association.IpOwnerId"),
    FACET("requester-id", "RequesterId"),
    FACET("requester-managed", "RequesterManaged"),
    FACET("source-dest-check", "SourceDestCheck"),
    FACET("interface-type", "InterfaceType"),
    FACET("association.allocation-id", "Association.AllocationId"),
    FACET("association.association-id", "Association.AssociationId"),
    FACET("association.ip-owner-id", "Association.IpOwnerId"),
    FACET("association.public-ip", "Association.PublicIp"),
    FACET("association.public-dns-name", "Association.PublicDnsName"),
    FACET("attachment.attachment-id", "Attachment.AttachmentId"),
    FACET("attachment.instance-id", "Attachment.InstanceId"),
    FACET("attachment.instance-owner-id", "Attachment.InstanceOwnerId"),
    FACET("attachment.device-index", "Attachment.DeviceIndex"),
    FACET("attachment.status", "Attachment.Status"),
    FACET("attachment.delete-on-termination", "Attachment.DeleteOnTermination"),
    FACET("ipv6-addresses.ipv6-address", "Ipv6Addresses.Ipv6Address"),
    END,
};

static const struct kind_facet address_facets[] = {
    FACET("allocation-id", "AllocationId"),
    FACET("association-id", "AssociationId"),
    FACET("domain", "Domain"),
    FACET("instance-id", "InstanceId"),
    FACET("network-interface-id", "NetworkInterfaceId"),
    FACET("network-interface-owner-id", "NetworkInterfaceOwnerId"),
    FACET("network-border-group", "NetworkBorderGroup"),
    FACET("private-ip-address", "PrivateIpAddress"),
    FACET("public-ip", "PublicIp"),
    END,
};

static const struct kind_facet dhcp_options_facets[] = {
    FACET("dhcp-options-id", "DhcpOptionsId"),
    FACET("key", "DhcpConfigurations.Key"),
    FACET("value", "DhcpConfigurations.Values.Value"),
    FACET("owner-id", "OwnerId"),
    END,
};

static const struct kind_facet vpc_endpoint_facets[] = {
    FACET("vpc-endpoint-id", "VpcEndpointId"),
    FACET("vpc-endpoint-state", "State"),
    FACET("vpc-endpoint-type", "VpcEndpointType"),
    FACET("vpc-id", "VpcId"),
    FACET("service-name", "ServiceName"),
    FACET("ip-address-type", "IpAddressType"),
    END,
};

static const struct kind_facet prefix_list_facets[] = {
    FACET("prefix-list-id", "PrefixListId"),
    FACET("prefix-list-name", "PrefixListName"),
    FACET("owner-id", "OwnerId"),
    END,
};

static const struct kind_facet egress_only_gateway_facets[] = {END};

#define TEXT(text)                                                                                                     \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    }
#define KIND(prefix, type, id, tags, shape, error, missing, facets)                                                    \
    {                                                                                                                  \
        TEXT(prefix), TEXT(type), TEXT(id), TEXT(tags), &ec2_shape_##shape, &ec2_invalid_##error##_not_found,          \
            &ec2_invalid_##error##_malformed, TEXT(missing), facets                                                    \
    }

const struct kind_traits kinds[N_KINDS] = {
    [KIND_VPC] = KIND("vpc-", "vpc", "VpcId", "Tags", vpc, vpc_id, "The vpc ID '%' does not exist", vpc_facets),
    [KIND_SUBNET] = KIND("subnet-", "subnet", "SubnetId", "Tags", subnet, subnet_id, "The subnet ID '%' does not exist",
                         subnet_facets),
    [KIND_INTERNET_GATEWAY] =
        KIND("igw-", "internet-gateway", "InternetGatewayId", "Tags", internet_gateway, internet_gateway_id,
             "The internetGateway ID '%' does not exist", internet_gateway_facets),
    [KIND_NAT_GATEWAY] = {TEXT("nat-"), TEXT("natgateway"), TEXT("NatGatewayId"), TEXT("Tags"), &ec2_shape_nat_gateway,
                          &ec2_nat_gateway_not_found, &ec2_nat_gateway_malformed,
                          TEXT("The Nat Gateway % was not found"), nat_gateway_facets},
    [KIND_ROUTE_TABLE] = KIND("rtb-", "route-table", "RouteTableId", "Tags", route_table, route_table_id,
                              "The routeTable ID '%' does not exist", route_table_facets),
    [KIND_SECURITY_GROUP] = {TEXT("sg-"), TEXT("security-group"), TEXT("GroupId"), TEXT("Tags"),
                             &ec2_shape_security_group, &ec2_invalid_group_not_found, &ec2_invalid_group_id_malformed,
                             TEXT("The security group '%' does not exist"), security_group_facets},
    [KIND_SECURITY_GROUP_RULE] =
        KIND("sgr-", "security-group-rule", "SecurityGroupRuleId", "Tags", security_group_rule, security_group_rule_id,
             "The security group rule ID '%' does not exist", security_group_rule_facets),
    [KIND_NETWORK_ACL] = KIND("acl-", "network-acl", "NetworkAclId", "Tags", network_acl, network_acl_id,
                              "The networkAcl ID '%' does not exist", network_acl_facets),
    [KIND_NETWORK_INTERFACE] =
        KIND("eni-", "network-interface", "NetworkInterfaceId", "TagSet", network_interface, network_interface_id,
             "The networkInterface ID '%' does not exist", network_interface_facets),
    [KIND_ADDRESS] = {TEXT("eipalloc-"), TEXT("elastic-ip"), TEXT("AllocationId"), TEXT("Tags"), &ec2_shape_address,
                      &ec2_invalid_allocation_id_not_found, &ec2_invalid_allocation_id_malformed,
                      TEXT("The allocation ID '%' does not exist"), address_facets},
    [KIND_DHCP_OPTIONS] = {TEXT("dopt-"), TEXT("dhcp-options"), TEXT("DhcpOptionsId"), TEXT("Tags"),
                           &ec2_shape_dhcp_options, &ec2_invalid_dhcp_option_id_not_found,
                           &ec2_invalid_dhcp_options_id_malformed, TEXT("The dhcpOption ID '%' does not exist"),
                           dhcp_options_facets},
    [KIND_VPC_ENDPOINT] = KIND("vpce-", "vpc-endpoint", "VpcEndpointId", "Tags", vpc_endpoint, vpc_endpoint_id,
                               "The Vpc Endpoint Id '%' does not exist", vpc_endpoint_facets),
    [KIND_PREFIX_LIST] = KIND("pl-", "prefix-list", "PrefixListId", "Tags", managed_prefix_list, prefix_list_id,
                              "The prefix list ID '%' does not exist.", prefix_list_facets),
    [KIND_EGRESS_ONLY_GATEWAY] = {TEXT("eigw-"), TEXT("egress-only-internet-gateway"),
                                  TEXT("EgressOnlyInternetGatewayId"), TEXT("Tags"),
                                  &ec2_shape_egress_only_internet_gateway, &ec2_invalid_gateway_id_not_found,
                                  &ec2_invalid_egress_only_internet_gateway_id_malformed,
                                  TEXT("The egressOnlyInternetGateway ID '%' does not exist"),
                                  egress_only_gateway_facets},
};

enum kind kind_of_id(slice id)
{
    for (int kind = 0; kind < N_KINDS; kind++) {
        if (slice_starts(id, kinds[kind].prefix))
            return (enum kind)kind;
    }
    return N_KINDS;
}
