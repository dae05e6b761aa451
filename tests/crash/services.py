"""What keeps each service busy in the crash tests: one class a service, which makes things, remembers what was
acknowledged, reads while others write, and looks at the end whether everything is there."""

import base64
import hashlib
import http.client
import io
import json
import os
import re
import socket
import struct
import threading
import time
import urllib.parse
import zipfile

from awssim import wait_until

ECS = "AmazonEC2ContainerServiceV20141113"
LOGS = "Logs_20140328"
CLOUDMAP = "Route53AutoNaming_v20170314"
ECR = "AmazonEC2ContainerRegistry_V20150921"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
KIB = 1024


def digest(data):
    return hashlib.sha256(data).hexdigest()


def is_clear(headers, body):
    """Whether a refusal is one of AWS: it has a code that a client can read."""
    return "x-amzn-errortype" in headers or any(mark in body for mark in (b"<Code>", b'"__type"', b'"errors"'))


class Client:
    """HTTP as a careful client speaks it. A write may meet 500 or 503 while a process is away, or no answer at all; a
    read may not fail while the router lives. What should not have come is in wrong, reads without an answer in unheard."""

    def __init__(self, sim):
        self.sim = sim
        self.wrong = []
        self.unheard = []
        self.refused = 0

    def ask(self, method, path, body=None, headers=None):
        """(status, headers, body), status 0 when there was no whole answer."""
        try:
            return self.sim.http(method, path, body, headers)
        except (OSError, http.client.HTTPException):
            return 0, {}, b""

    def write(self, *request):
        """(headers, body) of an acknowledged request, else None."""
        began = time.monotonic()
        status, headers, body = self.ask(*request)
        if status // 100 == 2:
            return headers, body
        self.refused += 1
        if status not in (0, 500, 503) or status and not is_clear(headers, body) or time.monotonic() - began > 30:
            self.wrong.append((request[:2], status, body[:300]))
        return None

    def read(self, *request):
        status, headers, body = self.ask(*request)
        if status == 0:
            self.unheard.append(request[:2])
        elif status // 100 != 2:
            self.wrong.append((request[:2], status, body[:300]))
        return (headers, body) if status // 100 == 2 else None

    def must(self, *request):
        """The body of an answer that has to be a success now."""
        status, _, body = self.sim.http(*request)
        assert status // 100 == 2, (request[:2], status, body[:300])
        return body


def query(version, action, account="123456789012", service="ec2", **fields):
    """The arguments of a form request, signed by an account for the sake of its number."""
    scope = f"AWS4-HMAC-SHA256 Credential={account}/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=00"
    body = urllib.parse.urlencode({"Action": action, "Version": version, **{k.replace("_", "."): v for k, v in fields.items()}})
    return "POST", "/", body, {**FORM, "Authorization": scope}


def target(name, **fields):
    return "POST", "/", json.dumps(fields), {"X-Amz-Target": name, "Content-Type": "application/x-amz-json-1.1"}


def rest(method, path, **fields):
    return method, path, json.dumps(fields) if fields else None, {"Content-Type": "application/json"}


class Service:
    """step(number) makes something; look() reads; check() judges what is there when the load is over."""

    pause_s = 0.02

    def __init__(self, client, tag):
        self.client = client
        self.tag = tag
        self.made = []

    def text(self, answer, element):
        return re.search(f"<{element}>([^<]*)</{element}>", answer[1].decode())[1]


class Sts(Service):
    version = "2011-06-15"

    def step(self, number):
        answer = self.client.write(*query(self.version, "GetFederationToken", service="sts", Name=f"f-{self.tag}-{number}"))
        if answer:
            self.made.append((f"f-{self.tag}-{number}", self.text(answer, "AccessKeyId")))

    def look(self):
        self.client.read(*query(self.version, "GetCallerIdentity", service="sts"))

    def check(self):
        for name, key in self.made:
            about = self.client.must(*query(self.version, "GetCallerIdentity", service="sts", account=key))
            assert f":federated-user/{name}<" in about.decode(), (name, about)


class Logs(Service):
    def step(self, number):
        name = f"/crash/{self.tag}/{number}"
        if self.client.write(*target(f"{LOGS}.CreateLogGroup", logGroupName=name)):
            self.made.append(name)

    def look(self):
        self.client.read(*target(f"{LOGS}.DescribeLogGroups"))

    def check(self):
        for name in self.made:
            answer = self.client.must(*target(f"{LOGS}.DescribeLogGroups", logGroupNamePrefix=name))
            assert name in [g["logGroupName"] for g in json.loads(answer)["logGroups"]], name


class Ecs(Service):
    def step(self, number):
        answer = self.client.write(*target(f"{ECS}.RegisterTaskDefinition", family=f"d-{self.tag}-{number}",
                                           containerDefinitions=[{"name": "main", "image": "busybox", "memory": 32}]))
        if answer:
            self.made.append(json.loads(answer[1])["taskDefinition"]["taskDefinitionArn"])

    def look(self):
        self.client.read(*target(f"{ECS}.ListTaskDefinitions"))

    def check(self):
        for arn in self.made:
            self.client.must(*target(f"{ECS}.DescribeTaskDefinition", taskDefinition=arn))


class Ec2(Service):
    version = "2016-11-15"

    def call(self, action, **fields):
        return query(self.version, action, **fields)

    def step(self, number):
        vpc = self.client.write(*self.call("CreateVpc", CidrBlock=f"10.{number % 250}.0.0/16"))
        if not vpc:
            return
        vpc_id = self.text(vpc, "vpcId")
        group = self.client.write(*self.call("CreateSecurityGroup", GroupName=f"g-{self.tag}-{number}", GroupDescription="d", VpcId=vpc_id))
        rule = group and self.client.write(*self.call(
            "AuthorizeSecurityGroupIngress", GroupId=self.text(group, "groupId"), IpPermissions_1_IpProtocol="tcp", IpPermissions_1_FromPort="80",
            IpPermissions_1_ToPort="80", IpPermissions_1_IpRanges_1_CidrIp="10.0.0.0/8"))
        self.made.append((vpc_id, group and self.text(group, "groupId"), rule and self.text(rule, "securityGroupRuleId")))

    def look(self):
        for vpc, _, _ in self.made[-1:]:
            self.client.read(*self.call("DescribeVpcs", VpcId_1=vpc))

    def check(self):
        there = {what: set(re.findall(f"<{element}>([^<]*)<", self.client.must(*self.call(f"Describe{what}")).decode()))
                 for what, element in (("Vpcs", "vpcId"), ("SecurityGroups", "groupId"), ("SecurityGroupRules", "securityGroupRuleId"))}
        for vpc, group, rule in self.made:
            assert vpc in there["Vpcs"] and (not group or group in there["SecurityGroups"]), (vpc, group)
            assert not rule or rule in there["SecurityGroupRules"], rule


class Iam(Service):
    version = "2010-05-08"
    trust = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})

    def call(self, action, **fields):
        return query(self.version, action, service="iam", **fields)

    def step(self, number):
        name = f"r-{self.tag}-{number}"
        if not self.client.write(*self.call("CreateRole", RoleName=name, AssumeRolePolicyDocument=self.trust)):
            return
        inline = self.client.write(*self.call("PutRolePolicy", RoleName=name, PolicyName="inline", PolicyDocument=self.policy))
        managed = self.client.write(*self.call("CreatePolicy", PolicyName=name, PolicyDocument=self.policy))
        arn = managed and self.text(managed, "Arn")
        attached = arn and self.client.write(*self.call("AttachRolePolicy", RoleName=name, PolicyArn=arn))
        self.made.append((name, inline, arn, attached))

    def look(self):
        self.client.read(*self.call("ListRoles"))

    def check(self):
        for name, inline, arn, attached in self.made:
            self.client.must(*self.call("GetRole", RoleName=name))
            if inline:
                self.client.must(*self.call("GetRolePolicy", RoleName=name, PolicyName="inline"))
            if arn:
                self.client.must(*self.call("GetPolicy", PolicyArn=arn))
            if attached:
                assert arn.encode() in self.client.must(*self.call("ListAttachedRolePolicies", RoleName=name)), name


class Efs(Service):
    def __init__(self, client, tag):
        super().__init__(client, tag)
        self.tagged = []

    def step(self, number):
        answer = self.client.write(*rest("POST", "/2015-02-01/file-systems", CreationToken=f"t-{self.tag}-{number}"))
        if answer:
            system = json.loads(answer[1])["FileSystemId"]
            self.made.append(system)
            if self.client.write(*rest("POST", f"/2015-02-01/resource-tags/{system}", Tags=[{"Key": "k", "Value": system}])):
                self.tagged.append(system)

    def look(self):
        self.client.read("GET", "/2015-02-01/file-systems")

    def available(self, system):
        [found] = json.loads(self.client.must("GET", f"/2015-02-01/file-systems?FileSystemId={system}"))["FileSystems"]
        return found["LifeCycleState"] == "available"

    def check(self):
        for system in self.made:
            wait_until(lambda system=system: self.available(system), 20, f"{system} available")
            folder = os.path.join(self.client.sim.state_dir, "efs", "123456789012", "us-east-1", system)
            assert os.path.isdir(folder), folder
        for system in self.tagged:
            assert f'"{system}"' in self.client.must("GET", f"/2015-02-01/resource-tags/{system}").decode(), system


class CloudMap(Service):
    instances = 800  # of a service, which may have a thousand

    def __init__(self, client, tag):
        super().__init__(client, tag)
        self.operations = []
        self.services = []
        vpc = client.sim.ec2_ids("Vpcs", "vpcId")[0]
        made = json.loads(client.must(*target(f"{CLOUDMAP}.CreatePrivateDnsNamespace", Name=f"{tag}.local", Vpc=vpc)))
        self.namespace = self.ended(made["OperationId"])["Targets"]["NAMESPACE"]
        client.must(*self.creation("web-0"))
        self.find_services()

    def creation(self, name):
        return target(f"{CLOUDMAP}.CreateService", Name=name, NamespaceId=self.namespace, DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 10}]})

    def find_services(self):
        answer = self.client.read(*target(f"{CLOUDMAP}.ListServices"))
        if answer:
            self.services = sorted((s["Name"], s["Id"]) for s in json.loads(answer[1])["Services"])

    def ended(self, operation):
        def found():
            state = json.loads(self.client.must(*target(f"{CLOUDMAP}.GetOperation", OperationId=operation)))["Operation"]
            assert state["Status"] != "FAIL", state
            return state if state["Status"] == "SUCCESS" else None

        return wait_until(found, 20, f"end of {operation}")

    def step(self, number):
        wanted = f"web-{number // self.instances}"
        if wanted not in dict(self.services):
            self.client.write(*self.creation(wanted))
            self.find_services()
            return
        answer = self.client.write(*target(f"{CLOUDMAP}.RegisterInstance", ServiceId=dict(self.services)[wanted], InstanceId=f"i-{self.tag}-{number}",
                                           Attributes={"AWS_INSTANCE_IPV4": f"10.1.{number // 250 % 250}.{number % 250 + 1}"}))
        if answer:
            self.made.append(f"i-{self.tag}-{number}")
            self.operations.append(json.loads(answer[1])["OperationId"])

    def look(self):
        self.client.read(*target(f"{CLOUDMAP}.GetService", Id=self.services[0][1]))

    def check(self):
        for operation in self.operations:
            self.ended(operation)
        there = {instance for _, service in self.services for instance in self.listed(service)}
        assert set(self.made) <= there, f"acknowledged instances are gone: {sorted(set(self.made) - there)[:5]}"
        assert self.resolved(f"web-0.{self.tag}.local"), "the resolver does not answer"

    def listed(self, service):
        token = {}
        while token is not None:
            answer = json.loads(self.client.must(*target(f"{CLOUDMAP}.ListInstances", ServiceId=service, **token)))
            yield from (i["Id"] for i in answer["Instances"])
            token = {"NextToken": answer["NextToken"]} if answer.get("NextToken") else None

    def resolved(self, name):
        """The number of A records of a name, by UDP."""
        host, port = self.client.sim.status()["dns"].rsplit(":", 1)
        labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.settimeout(5)
            peer.sendto(struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">HH", 1, 1), (host, int(port)))
            return struct.unpack(">HHHHHH", peer.recv(65535)[:12])[3]


class S3(Service):
    """Small objects, large ones and uploads in parts. Every key has one body for ever, so that whatever is found under
    it, acknowledged or not, must be that body."""

    part_bytes = 5 * 1024 * KIB

    def __init__(self, client, tag):
        super().__init__(client, tag)
        self.bucket = f"/crash-{tag}"
        self.digests = {}
        client.must("PUT", self.bucket)

    def body(self, key, size):
        data = (hashlib.sha256(key.encode()).digest() * (size // 32 + 1))[:size]
        self.digests[key] = digest(data)
        return data

    def step(self, number):
        if number % 16 == 0:
            self.in_parts(f"parts-{number}")
            return
        key, size = (f"large-{number}", 700 * KIB + number) if number % 4 == 0 else (f"small-{number}", KIB + number)
        if self.client.write("PUT", f"{self.bucket}/{key}", self.body(key, size)):
            self.made.append(key)

    def in_parts(self, key):
        path, data = f"{self.bucket}/{key}", self.body(key, self.part_bytes + 100 * KIB)
        begun = self.client.write("POST", f"{path}?uploads", b"")
        if not begun:
            return
        upload, document = self.text(begun, "UploadId"), ""
        for number, part in enumerate((data[:self.part_bytes], data[self.part_bytes:]), 1):
            answer = self.client.write("PUT", f"{path}?partNumber={number}&uploadId={upload}", part)
            if not answer:
                return
            document += f"<Part><PartNumber>{number}</PartNumber><ETag>{answer[0]['etag']}</ETag></Part>"
        ended = self.client.write("POST", f"{path}?uploadId={upload}", f"<CompleteMultipartUpload>{document}</CompleteMultipartUpload>")
        if ended and b"<ETag>" in ended[1]:
            self.made.append(key)

    def look(self):
        for key in self.made[-1:]:
            answer = self.client.read("GET", f"{self.bucket}/{key}")
            if answer and digest(answer[1]) != self.digests[key]:
                self.client.wrong.append((key, "another body", len(answer[1])))

    def check(self):
        for key, expected in self.digests.items():
            status, _, body = self.client.sim.http("GET", f"{self.bucket}/{key}")
            assert status == 200 or status == 404 and key not in self.made, (key, status, body[:300])
            assert status == 404 or digest(body) == expected, f"{key} is not whole: {len(body)} bytes"
        folder = os.path.join(self.client.sim.state_dir, "s3")

        def there():
            return sum(name[0] != "." for name in os.listdir(folder))

        wait_until(lambda: self.count_files() == there(), 30, f"{self.count_files()} files among {there()}")

    def listed(self, path, element):
        """The answer's elements of that name, page by page."""
        token = ""
        while token is not None:
            answer = self.client.must("GET", path + token).decode()
            yield from re.findall(f"<{element}>(.*?)</{element}>", answer, re.S)
            more = re.search("<NextContinuationToken>(.*?)<", answer)
            token = f"&continuation-token={urllib.parse.quote(more[1])}" if more else None

    def count_files(self):
        """How many objects and parts are too large for the database. One that was uploaded in parts has a file for each."""
        things = list(self.listed(f"{self.bucket}?list-type=2", "Contents"))
        things += [thing for thing in things if "<Key>parts-" in thing]
        for upload in self.listed(f"{self.bucket}?uploads", "Upload"):
            key, identity = (re.search(f"<{name}>(.*?)<", upload)[1] for name in ("Key", "UploadId"))
            things += self.listed(f"{self.bucket}/{key}?uploadId={identity}", "Part")
        return sum(int(re.search("<Size>(.*?)<", thing)[1]) > 256 * KIB for thing in things)


class Ecr(Service):
    """Images pushed over plain HTTP: blobs in one request and in chunks, and a manifest that names them."""

    pause_s = 0.05

    def __init__(self, client, tag):
        super().__init__(client, tag)
        self.name = f"crash/{tag}"
        client.must(*target(f"{ECR}.CreateRepository", repositoryName=self.name))
        data = json.loads(client.must(*target(f"{ECR}.GetAuthorizationToken")))["authorizationData"][0]
        self.basic = {"Authorization": f"Basic {data['authorizationToken']}"}
        self.blobs = []

    def blob(self, data, chunked):
        """The blob's descriptor once it is acknowledged."""
        name = f"sha256:{digest(data)}"
        answer = self.client.write("POST", f"/v2/{self.name}/blobs/uploads/", b"", self.basic)
        place = answer and answer[0]["location"]
        if place and chunked:
            answer = self.client.write("PATCH", place, data, {**self.basic, "Content-Range": f"0-{len(data) - 1}"})
            place = answer and answer[0]["location"]
        if not place:
            return None
        place += ("&" if "?" in place else "?") + urllib.parse.urlencode({"digest": name})
        if not self.client.write("PUT", place, b"" if chunked else data, self.basic):
            return None
        self.blobs.append(name)
        return {"digest": name, "size": len(data)}

    def step(self, number):
        config = self.blob(json.dumps({"image": number}).encode(), False)
        layer = self.blob(f"{self.tag} {number}".encode() * (60 * KIB), True)
        if not config or not layer:
            return
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST,
                               "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
                               "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **layer}]}).encode()
        if self.client.write("PUT", f"/v2/{self.name}/manifests/v{number}", manifest, {**self.basic, "Content-Type": MANIFEST}):
            self.made.append((f"v{number}", digest(manifest)))

    def look(self):
        for tag, _ in self.made[-1:]:
            self.client.read("GET", f"/v2/{self.name}/manifests/{tag}", None, self.basic)

    def check(self):
        for name in self.blobs:
            body = self.client.must("GET", f"/v2/{self.name}/blobs/{name}", None, self.basic)
            assert f"sha256:{digest(body)}" == name, f"{name} is not whole: {len(body)} bytes"
        for tag, expected in self.made:
            assert digest(self.client.must("GET", f"/v2/{self.name}/manifests/{tag}", None, self.basic)) == expected, tag


def archive(source):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("app.py", source)
    return content.getvalue()


class Lambda(Service):
    """One function invoked all the time, both ways, and others made beside it."""

    pause_s = 0.05
    source = """
import time

def handler(event, context):
    print("ran", event["id"])
    time.sleep(event.get("seconds", 0))
    return event
"""

    def __init__(self, client, tag):
        super().__init__(client, tag)
        self.code = archive(self.source)
        self.queued = []
        self.name = f"busy-{tag}"
        role = f"lambda-{tag}"
        trust = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
        client.must(*query(Iam.version, "CreateRole", service="iam", RoleName=role, AssumeRolePolicyDocument=trust))
        self.role = f"arn:aws:iam::123456789012:role/{role}"
        client.must(*self.creation(self.name))
        wait_until(lambda: self.invoke("first"), 20, "the first invocation")

    def creation(self, name):
        return rest("POST", "/2015-03-31/functions", FunctionName=name, Runtime="python3.11", Role=self.role, Handler="app.handler", Timeout=30,
                    Code={"ZipFile": base64.b64encode(self.code).decode()})

    def invocation(self, identity, kind="RequestResponse", **event):
        return ("POST", f"/2015-03-31/functions/{self.name}/invocations", json.dumps({"id": identity, **event}),
                {"X-Amz-Invocation-Type": kind})

    def invoke(self, identity, **event):
        """Whether the function's own answer came."""
        answer = self.client.write(*self.invocation(identity, **event))
        if answer and "x-amz-function-error" not in answer[0] and json.loads(answer[1]) != {"id": identity, **event}:
            self.client.wrong.append((identity, answer[1][:300]))
        return bool(answer)

    def step(self, number):
        self.invoke(f"sync-{number}")
        if number % 4 == 0 and self.client.write(*self.invocation(f"async-{number}", "Event")):
            self.queued.append(f"async-{number}")
        if number % 16 == 0 and self.client.write(*self.creation(f"f-{self.tag}-{number}")):
            self.made.append(f"f-{self.tag}-{number}")

    def look(self):
        self.client.read("GET", f"/2015-03-31/functions/{self.name}")

    def printed(self):
        found, token = set(), {}
        while token is not None:
            answer = json.loads(self.client.must(*target(f"{LOGS}.FilterLogEvents", logGroupName=f"/aws/lambda/{self.name}",
                                                         filterPattern='"ran async"', **token)))
            found |= {e["message"].split()[1] for e in answer["events"]}
            token = {"nextToken": answer["nextToken"]} if answer.get("nextToken") else None
        return found

    def check(self):
        expected = base64.b64encode(hashlib.sha256(self.code).digest()).decode()
        for name in self.made:
            about = json.loads(self.client.must("GET", f"/2015-03-31/functions/{name}"))
            assert about["Configuration"]["CodeSha256"] == expected, about
        # The queue tries a failed event again after a minute, as AWS does.
        wait_until(lambda: set(self.queued) <= self.printed(), 150, f"the queue of {self.name}")


ALL = {"sts": Sts, "logs": Logs, "ecs": Ecs, "ec2": Ec2, "iam": Iam, "efs": Efs, "servicediscovery": CloudMap, "s3": S3, "ecr": Ecr, "lambda": Lambda}


class ServicesLoad:
    """Two threads a service, one that makes things and one that reads, until stop(). patience: how much slower than usual."""

    def __init__(self, sim, names=tuple(ALL), tag="load", patience=1):
        self.sim = sim
        self.patience = patience
        self.client = Client(sim)
        self.services = {name: ALL[name](self.client, tag) for name in names}
        self.stopping = threading.Event()
        self.failures = []
        self.number = {name: 0 for name in names}
        self.threads = []

    def start(self):
        self.stopping.clear()
        self.threads = [threading.Thread(target=self.repeat, args=(body, name), daemon=True)
                        for name in self.services for body in (self.write, self.read)]
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(70)
            assert not thread.is_alive(), "a client hangs"

    def repeat(self, body, name):
        try:
            while not self.stopping.is_set():
                body(name)
                self.stopping.wait(self.services[name].pause_s * self.patience)
        except Exception as failure:  # kept for check()
            self.failures.append((name, repr(failure)))

    def write(self, name):
        self.number[name] += 1
        self.services[name].step(self.number[name])

    def read(self, name):
        self.services[name].look()

    def wait_made(self, more=3):
        """Until every service has acknowledged that many more things."""
        before = {name: len(s.made) for name, s in self.services.items()}
        wait_until(lambda: self.failures or all(len(s.made) >= before[n] + more for n, s in self.services.items()), 60, "work")

    def check(self):
        assert not self.failures, self.failures
        assert not self.client.wrong, (len(self.client.wrong), self.client.wrong[:5])
        for name, service in self.services.items():
            assert service.made, f"the load of {name} did nothing"
            service.check()
        spool = os.path.join(self.sim.state_dir, "spool")
        wait_until(lambda: not os.listdir(spool), 10, f"an empty spool: {os.listdir(spool)}")

    def summary(self):
        made = ", ".join(f"{len(s.made)} {name}" for name, s in self.services.items())
        return f"acknowledged: {made}; {self.client.refused} writes refused, {len(self.client.unheard)} reads unheard"
