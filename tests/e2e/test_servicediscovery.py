#!/usr/bin/env python3
"""Cloud Map with boto3, and its private namespaces over DNS, as Terraform, ecs and applications use them."""

import pathlib
import shutil
import socket
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, wait_until  # noqa: E402

suite = Suite()
TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "AAAA": 28, "SRV": 33, "ANY": 255}


def refused(code, function, **arguments):
    try:
        function(**arguments)
    except Exception as error:  # botocore makes its classes at run time
        assert getattr(error, "response", {}).get("Error", {}).get("Code") == code, repr(error)
        return error.response
    raise AssertionError(f"{code} expected")


def done(sd, operation_id):
    """The operation when it has ended."""
    def ended():
        operation = sd.get_operation(OperationId=operation_id)["Operation"]
        return operation if operation["Status"] in ("SUCCESS", "FAIL") else None

    return wait_until(ended, what="operation")


def private_namespace(sd, name):
    operation = done(sd, sd.create_private_dns_namespace(Name=name, Vpc="vpc-0123456789abcdef0")["OperationId"])
    assert operation["Status"] == "SUCCESS" and operation["Type"] == "CREATE_NAMESPACE", operation
    return operation["Targets"]["NAMESPACE"]


def register(sd, service, instance, **attributes):
    operation = done(sd, sd.register_instance(ServiceId=service, InstanceId=instance, Attributes=attributes)["OperationId"])
    assert operation["Status"] == "SUCCESS", operation


def question(name, kind, edns=None):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
    extra = b"\0" + struct.pack(">HHIH", 41, edns, 0, 0) if edns else b""
    return struct.pack(">HHHHHH", 0x1234, 0x0100, 1, 0, 0, 1 if edns else 0) + labels + struct.pack(">HH", TYPES[kind], 1) + extra


def address(sim):
    host, port = sim.status()["dns"].rsplit(":", 1)
    return host, int(port)


def ask(sim, name, kind, edns=None):
    """(rcode, answers, truncated) by UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(10)
        peer.sendto(question(name, kind, edns), address(sim))
        answer = peer.recv(65535)
    _, flags, _, answers, _, _ = struct.unpack(">HHHHHH", answer[:12])
    return flags & 15, answers, bool(flags & 0x200)


def dig(sim, *arguments):
    host, port = address(sim)
    done_process = subprocess.run(["dig", f"@{host}", "-p", str(port), "+time=5", "+tries=1", *arguments],
                                  capture_output=True, text=True, timeout=30)
    assert done_process.returncode == 0, done_process
    return done_process.stdout


@suite.test
def life(sim):
    sd = sim.client("servicediscovery")
    namespace = private_namespace(sd, "life.local")
    seen = sd.get_namespace(Id=namespace)["Namespace"]
    assert seen["Type"] == "DNS_PRIVATE" and seen["Properties"]["DnsProperties"]["SOA"]["TTL"] == 15, seen
    filters = [{"Name": "TYPE", "Values": ["DNS_PRIVATE"]}, {"Name": "NAME", "Values": ["life"], "Condition": "BEGINS_WITH"}]
    assert [n["Id"] for n in sd.list_namespaces(Filters=filters)["Namespaces"]] == [namespace]
    service = sd.create_service(
        Name="web", NamespaceId=seen["Arn"], HealthCheckCustomConfig={"FailureThreshold": 1},
        DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 10}]}, Tags=[{"Key": "k", "Value": "v"}])["Service"]
    assert service["Type"] == "DNS_HTTP" and service["DnsConfig"]["RoutingPolicy"] == "MULTIVALUE", service
    assert sd.list_tags_for_resource(ResourceARN=service["Arn"])["Tags"] == [{"Key": "k", "Value": "v"}]
    refused("ResourceInUse", sd.delete_namespace, Id=namespace)
    register(sd, service["Id"], "i1", AWS_INSTANCE_IPV4="10.0.0.1", version="1")
    register(sd, service["Arn"], "i2", AWS_INSTANCE_IPV4="10.0.0.2", version="2")
    refused("ResourceInUse", sd.delete_service, Id=service["Id"])
    refused("InvalidInput", sd.register_instance, ServiceId=service["Id"], InstanceId="i3", Attributes={"x": "y"})
    assert len(sd.list_instances(ServiceId=service["Id"])["Instances"]) == 2

    def discover(**more):
        found = sd.discover_instances(NamespaceName="life.local", ServiceName="web", **more)
        return sorted(i["InstanceId"] for i in found["Instances"])

    assert discover() == ["i1", "i2"] and discover(QueryParameters={"version": "2"}) == ["i2"]
    assert discover(OptionalParameters={"version": "3"}) == ["i1", "i2"]
    sd.update_instance_custom_health_status(ServiceId=service["Id"], InstanceId="i1", Status="UNHEALTHY")
    assert discover(HealthStatus="HEALTHY") == ["i2"] and discover(HealthStatus="ALL") == ["i1", "i2"]
    operation = done(sd, sd.update_service(
        Id=service["Id"], Service={"Description": "d", "DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 20}]}})["OperationId"])
    assert operation["Status"] == "SUCCESS" and sd.get_service(Id=service["Id"])["Service"]["Description"] == "d"
    for instance in ("i1", "i2"):
        done(sd, sd.deregister_instance(ServiceId=service["Id"], InstanceId=instance)["OperationId"])
    sd.delete_service(Id=service["Id"])
    assert done(sd, sd.delete_namespace(Id=namespace)["OperationId"])["Status"] == "SUCCESS"
    refused("NamespaceNotFound", sd.get_namespace, Id=namespace)


@suite.test
def idle_dns_connections(sim):
    """Who holds connections without asking anything locks nobody out."""
    asked = question("nobody.local", "A")
    idle = [socket.create_connection(address(sim), timeout=10) for _ in range(100)]
    with socket.create_connection(address(sim), timeout=10) as peer:
        peer.sendall(struct.pack(">H", len(asked)) + asked)
        assert len(peer.recv(65535)) > 2
    assert idle[0].recv(1) == b""
    for peer in idle:
        peer.close()


@suite.test
def dns(sim):
    sd = sim.client("servicediscovery")
    namespace = private_namespace(sd, "Dns.local")
    service = sd.create_service(Name="web", NamespaceId=namespace, HealthCheckCustomConfig={},
                                DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 7}]})["Service"]["Id"]
    srv = sd.create_service(Name="_http._tcp", NamespaceId=namespace,
                            DnsConfig={"DnsRecords": [{"Type": "SRV", "TTL": 9}]})["Service"]["Id"]
    assert ask(sim, "web.dns.local", "A")[0] == 3
    for i in range(10):
        register(sd, service, f"i{i}", AWS_INSTANCE_IPV4=f"10.1.0.{i}")
    register(sd, srv, "box", AWS_INSTANCE_IPV4="10.2.0.1", AWS_INSTANCE_PORT="8080")
    assert ask(sim, "WEB.dns.LOCAL", "A") == (0, 8, False)
    assert ask(sim, "web.dns.local", "AAAA") == (0, 0, False), "no data"
    assert ask(sim, "none.dns.local", "A")[0] == 3 and ask(sim, "example.com", "A")[0] == 5
    assert ask(sim, "dns.local", "SOA")[:2] == (0, 1) and ask(sim, "dns.local", "NS")[:2] == (0, 1)
    assert ask(sim, "_http._tcp.dns.local", "SRV")[:2] == (0, 1)
    assert ask(sim, "box._http._tcp.dns.local", "A")[:2] == (0, 1) and ask(sim, "_tcp.dns.local", "A")[:2] == (0, 0)
    for i in range(9):
        sd.update_instance_custom_health_status(ServiceId=service, InstanceId=f"i{i}", Status="UNHEALTHY")
    assert ask(sim, "web.dns.local", "A")[:2] == (0, 1), "healthy only"
    sd.update_instance_custom_health_status(ServiceId=service, InstanceId="i9", Status="UNHEALTHY")
    assert ask(sim, "web.dns.local", "A")[:2] == (0, 8), "all when none is healthy"
    if shutil.which("dig"):
        assert "10.1.0." in dig(sim, "web.dns.local", "A", "+short")
        assert "10.1.0." in dig(sim, "web.dns.local", "A", "+short", "+tcp")
        assert "1 1 8080 box._http._tcp.Dns.local." in dig(sim, "_http._tcp.dns.local", "SRV", "+short")
        assert "status: NXDOMAIN" in dig(sim, "none.dns.local") and "SOA" in dig(sim, "none.dns.local")


@suite.test
def dns_large(sim):
    sd = sim.client("servicediscovery")
    service = sd.create_service(Name="_large._tcp", NamespaceId=private_namespace(sd, "large.local"),
                                DnsConfig={"DnsRecords": [{"Type": "SRV", "TTL": 9}]})["Service"]["Id"]
    for i in range(8):
        register(sd, service, f"{i}" + "n" * 60, AWS_INSTANCE_IPV4="10.2.0.1", AWS_INSTANCE_PORT="1")
    assert ask(sim, "_large._tcp.large.local", "SRV") == (0, 0, True), "too large for 512 bytes"
    assert ask(sim, "_large._tcp.large.local", "SRV", 4096) == (0, 8, False)


@suite.test
def dns_rubbish(sim):
    good = question("web.dns.local", "A")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(10)
        for data in (b"", b"x", good[:12], good[:20], good + b"y" * 30, b"\xff" * 600, good[:12] + b"\xc0\x0c" * 40,
                     good[:4] + b"\xff\xff" * 4 + good[12:]):
            peer.sendto(data, address(sim))
        peer.sendto(good[:2] + b"\x28\x00" + good[4:], address(sim))  # UPDATE
        while struct.unpack(">H", peer.recv(65535)[2:4])[0] & 15 != 4:
            pass
    with socket.create_connection(address(sim), timeout=20) as peer:
        peer.sendall(b"\xff\xff" + b"z" * 100)
        assert peer.recv(10) == b"", "too long a query ends the connection"
    with socket.create_connection(address(sim), timeout=20) as peer:
        for byte in (struct.pack(">H", len(good)) + good) * 3:
            peer.sendall(bytes([byte]))
        answer = b""
        while answer.count(b"\x12\x34") < 3:
            answer += peer.recv(65535)


@suite.test
def survives(sim):
    sd = sim.client("servicediscovery")
    service = sd.create_service(Name="kept", NamespaceId=private_namespace(sd, "kept.local"),
                                DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 1}]})["Service"]["Id"]
    register(sd, service, "i", AWS_INSTANCE_IPV4="10.3.0.1")
    sim.ctl("restart", "servicediscovery")
    assert sd.get_instance(ServiceId=service, InstanceId="i")["Instance"]["Attributes"]["AWS_INSTANCE_IPV4"] == "10.3.0.1"
    assert ask(sim, "kept.local", "SOA")[0] == 0 and ask(sim, "kept.kept.local", "A")[:2] == (0, 1)


@suite.test
def host_prefix(sim):
    status, _, body = sim.http("POST", "/", '{"NamespaceName": "none", "ServiceName": "s"}', {
        "Host": f"data-127.0.0.1:{sim.port}", "X-Amz-Target": "Route53AutoNaming_v20170314.DiscoverInstances",
        "Content-Type": "application/x-amz-json-1.1"})
    assert status == 400 and b"NamespaceNotFound" in body, body
    assert sim.env()["AWS_DISABLE_HOST_PREFIX_INJECTION"] == "true"


if __name__ == "__main__":
    with Awssim("--lenient", "unknown-networks", "--dns", "0") as running:
        sys.exit(suite.main(running))
