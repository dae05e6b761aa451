/* Tests of the reads of what does not exist here: all of them are none, one of them is AWS's error. */
#include "services/ec2/test_ec2.h"

static const struct {
    const char *operation, *ids, *error;
    bool wet; /* has no DryRun */
} reads[] = {
    {"DescribeKeyPairs", "KeyName", "InvalidKeyPair.NotFound"},
    {"DescribeKeyPairs", "KeyPairId", "InvalidKeyPair.NotFound"},
    {"DescribeInstances", "InstanceId", "InvalidInstanceID.NotFound"},
    {"DescribeInstanceStatus", "InstanceId", "InvalidInstanceID.NotFound"},
    {"DescribeInstanceCreditSpecifications", "InstanceId", "InvalidInstanceID.NotFound"},
    {"DescribeIamInstanceProfileAssociations", "AssociationId", "NoSuchAssociation", true},
    {"DescribeVolumes", "VolumeId", "InvalidVolume.NotFound"},
    {"DescribeVolumeStatus", "VolumeId", "InvalidVolume.NotFound"},
    {"DescribeVolumesModifications", "VolumeId", "InvalidVolume.NotFound"},
    {"DescribeSnapshots", "SnapshotId", "InvalidSnapshot.NotFound"},
    {"DescribeFastSnapshotRestores", NULL, NULL},
    {"DescribeLaunchTemplates", "LaunchTemplateId", "InvalidLaunchTemplateId.NotFound"},
    {"DescribeLaunchTemplates", "LaunchTemplateName", "InvalidLaunchTemplateName.NotFoundException"},
    {"DescribePlacementGroups", "GroupName", "InvalidPlacementGroup.Unknown"},
    {"DescribePlacementGroups", "GroupId", "InvalidPlacementGroup.Unknown"},
    {"DescribeSpotInstanceRequests", "SpotInstanceRequestId", "InvalidSpotInstanceRequestID.NotFound"},
    {"DescribeSpotFleetRequests", "SpotFleetRequestId", "InvalidSpotFleetRequestId.NotFound"},
    {"DescribeFleets", "FleetId", "InvalidFleetId.NotFound"},
    {"DescribeReservedInstances", "ReservedInstancesId", "InvalidReservedInstancesId"},
    {"DescribeCapacityReservations", "CapacityReservationId", "InvalidCapacityReservationId.NotFound"},
    {"DescribeHosts", "HostId", "InvalidHostID.NotFound", true},
    {"DescribeInstanceConnectEndpoints", "InstanceConnectEndpointId", "InvalidInstanceConnectEndpointId.NotFound"},
    {"DescribeFlowLogs", "FlowLogId", "InvalidFlowLogId.NotFound"},
    {"DescribeVpcPeeringConnections", "VpcPeeringConnectionId", "InvalidVpcPeeringConnectionID.NotFound"},
    {"DescribeCarrierGateways", "CarrierGatewayId", "InvalidCarrierGatewayID.NotFound"},
    {"DescribeLocalGateways", "LocalGatewayId", "InvalidLocalGatewayID.NotFound"},
    {"DescribeVpnGateways", "VpnGatewayId", "InvalidVpnGatewayID.NotFound"},
    {"DescribeVpnConnections", "VpnConnectionId", "InvalidVpnConnectionID.NotFound"},
    {"DescribeCustomerGateways", "CustomerGatewayId", "InvalidCustomerGatewayID.NotFound"},
    {"DescribeClientVpnEndpoints", "ClientVpnEndpointId", "InvalidClientVpnEndpointId.NotFound"},
    {"DescribeVpcEndpointServiceConfigurations", "ServiceId", "InvalidVpcEndpointServiceId.NotFound"},
    {"DescribeVpcEndpointConnections", NULL, NULL},
    {"DescribeVpcEndpointConnectionNotifications", NULL, NULL},
    {"DescribeTransitGateways", "TransitGatewayIds", "InvalidTransitGatewayID.NotFound"},
    {"DescribeTransitGatewayAttachments", "TransitGatewayAttachmentIds", "InvalidTransitGatewayAttachmentID.NotFound"},
    {"DescribeTransitGatewayVpcAttachments", "TransitGatewayAttachmentIds",
     "InvalidTransitGatewayAttachmentID.NotFound"},
    {"DescribeTransitGatewayPeeringAttachments", "TransitGatewayAttachmentIds",
     "InvalidTransitGatewayAttachmentID.NotFound"},
    {"DescribeTransitGatewayConnects", "TransitGatewayAttachmentIds", "InvalidTransitGatewayAttachmentID.NotFound"},
    {"DescribeTransitGatewayRouteTables", "TransitGatewayRouteTableIds", "InvalidRouteTableID.NotFound"},
    {"DescribeTransitGatewayMulticastDomains", "TransitGatewayMulticastDomainIds",
     "InvalidTransitGatewayMulticastDomainId.NotFound"},
    {"DescribeNetworkInterfacePermissions", "NetworkInterfacePermissionId", "InvalidPermissionID.NotFound", true},
    {"DescribeNetworkInsightsPaths", "NetworkInsightsPathId", "InvalidNetworkInsightsPathId.NotFound"},
    {"DescribeNetworkInsightsAnalyses", "NetworkInsightsAnalysisId", "InvalidNetworkInsightsAnalysisId.NotFound"},
    {"DescribeIpams", "IpamId", "InvalidIpamId.NotFound"},
    {"DescribeIpamPools", "IpamPoolId", "InvalidIpamPoolId.NotFound"},
    {"DescribeIpamScopes", "IpamScopeId", "InvalidIpamScopeId.NotFound"},
    {"DescribeVerifiedAccessInstances", "VerifiedAccessInstanceId", "InvalidVerifiedAccessInstanceId.NotFound"},
    {"DescribeVerifiedAccessEndpoints", "VerifiedAccessEndpointId", "InvalidVerifiedAccessEndpointId.NotFound"},
    {"DescribeVerifiedAccessGroups", "VerifiedAccessGroupId", "InvalidVerifiedAccessGroupId.NotFound"},
    {"DescribeVerifiedAccessTrustProviders", "VerifiedAccessTrustProviderId",
     "InvalidVerifiedAccessTrustProviderId.NotFound"},
    {"DescribeTrafficMirrorFilters", "TrafficMirrorFilterId", "InvalidTrafficMirrorFilterId.NotFound"},
    {"DescribeTrafficMirrorSessions", "TrafficMirrorSessionId", "InvalidTrafficMirrorSessionId.NotFound"},
    {"DescribeTrafficMirrorTargets", "TrafficMirrorTargetId", "InvalidTrafficMirrorTargetId.NotFound"},
    {"DescribeRouteServers", "RouteServerId", "InvalidRouteServerId.NotFound"},
    {"DescribeAddressTransfers", NULL, NULL},
    {"DescribePublicIpv4Pools", "PoolId", "InvalidPublicIpv4PoolID.NotFound", true},
    {"DescribeImages", "ImageId", "InvalidAMIID.NotFound"},
};

static void test_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(reads) / sizeof(*reads); i++) {
        ok("%s", reads[i].operation);
        assert_false(says("<item>"));
        if (!reads[i].wet)
            refused("DryRunOperation", "%s&DryRun=true", reads[i].operation);
    }
}

static void test_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(reads) / sizeof(*reads); i++) {
        if (reads[i].ids) {
            call("%s&%s.1=none-01234567", reads[i].operation, reads[i].ids);
            assert_int_equal(reply.status, 400);
            shows(reads[i].error);
            shows("none-01234567");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
