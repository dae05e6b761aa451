#!/usr/bin/env python3
"""Web pages: none of another site can use awssim, those of this machine can. By raw requests and by a real browser."""

import json
import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import browser  # noqa: E402
from awssim import Awssim, Skipped, Suite  # noqa: E402

suite = Suite()
ECS = "AmazonEC2ContainerServiceV20141113"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
VPC = "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.9.0.0/16"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-amz-target",
             "Access-Control-Request-Private-Network": "true"}


def signed(service):
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, "
                             "Signature=" + "0" * 64}


# Requests of every kind that a router tells apart: name → method, path, body, headers.
REQUESTS = {
    "json": ("POST", "/", "{}", {"X-Amz-Target": f"{ECS}.CreateCluster", "Content-Type": "application/x-amz-json-1.1"}),
    "json as text": ("POST", "/", '{"clusterName": "evil"}', {"Content-Type": "text/plain", **signed("ecs")}),
    "query": ("POST", "/", VPC, FORM),
    "query in the URL": ("GET", f"/?{VPC}", None, {}),
    "sts": ("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", None, {}),
    "rest": ("POST", "/2015-03-31/functions", "{}", {}),
    "rest, read": ("GET", "/2015-03-31/functions/", None, {}),
    "efs": ("GET", "/2015-02-01/file-systems", None, {}),
    "registry": ("GET", "/v2/", None, {}),
    "upload to the registry": ("POST", "/v2/evil/blobs/uploads/", None, {}),
    "bucket": ("PUT", "/evil-bucket", None, {}),
    "object": ("PUT", "/kept/evil", "x", {}),
    "object, read": ("GET", "/kept/k", None, {}),
    "object, presigned": ("GET", "/kept/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=test%2F20260101%2Fus-east-1%2Fs3"
                          "%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=99&X-Amz-SignedHeaders=host&X-Amz-Signature=0",
                          None, {}),
    "form to a bucket": ("POST", "/kept", "x", {"Content-Type": "multipart/form-data; boundary=b"}),
    "function": ("GET", "/lambda-url/abcdef/", None, {}),
    "unknown service": ("POST", "/", "{}", signed("kms")),
    "broken signature": ("POST", "/", "{}", {"Authorization": "AWS4-HMAC-SHA256 Credential=x"}),
    "health": ("GET", "/health", None, {}),
    "reset": ("POST", "/_awssim/reset", None, {}),
    "reset as text": ("POST", "/_awssim/reset", "x", {"Content-Type": "text/plain"}),
    "stats": ("GET", "/_awssim/stats", None, {}),
    "unknown admin path": ("GET", "/_awssim/evil", None, {}),
    "localstack's reset": ("POST", "/_localstack/state/reset", None, {}),
    "localstack's health": ("GET", "/_localstack/health", None, {}),
    "preflight": ("OPTIONS", "/", None, PREFLIGHT),
    "preflight of a bucket": ("OPTIONS", "/kept/k", None, PREFLIGHT),
    "preflight of a function": ("OPTIONS", "/lambda-url/abcdef/", None, PREFLIGHT),
    "preflight of the reset": ("OPTIONS", "/_awssim/reset", None, PREFLIGHT),
    "web socket": ("GET", "/", None, {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                                      "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}),
}

# What makes a request foreign, and the option that the refusal names.
FOREIGN = [
    ({"Origin": "https://evil.example"}, "--allow-origin https://evil.example "),
    ({"Origin": "null"}, "--allow-origin null "),
    ({"Origin": "http://localhost.evil.example"}, "--allow-origin http://localhost.evil.example "),
    ({"Sec-Fetch-Site": "cross-site"}, "--allow-origin"),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Referer": "https://evil.example/page"},
     "--allow-origin https://evil.example "),
    ({"Host": "evil.example"}, "--allow-host evil.example "),
    ({"Host": "evil.example:4566", "Origin": "http://evil.example:4566", "Sec-Fetch-Site": "same-origin"}, "--allow-host evil.example "),
    ({"Host": "id.lambda-url.us-east-1.evil.example"}, "--allow-host id.lambda-url.us-east-1.evil.example "),
    ({"Host": "kept.s3.evil.example"}, "--allow-host kept.s3.evil.example "),
]


def state(sim):
    """Everything that the attacks above would change."""
    vpcs = sim.client("ec2").describe_vpcs()["Vpcs"]
    return (len(vpcs), sim.client("ecs").list_clusters()["clusterArns"], [b["Name"] for b in sim.client("s3").list_buckets()["Buckets"]],
            [o["Key"] for o in sim.client("s3").list_objects_v2(Bucket="kept").get("Contents", [])])


def prepare(sim):
    if "kept" not in [b["Name"] for b in sim.client("s3").list_buckets()["Buckets"]]:
        sim.client("s3").create_bucket(Bucket="kept")
    sim.client("s3").put_object(Bucket="kept", Key="k", Body=b"v")
    sim.client("ecs").create_cluster(clusterName="kept")
    return state(sim)


@suite.test
def foreign_requests(sim):
    before = prepare(sim)
    for name, (method, path, body, headers) in REQUESTS.items():
        for foreign, option in FOREIGN:
            status, answered, content = sim.http(method, path, body, {**headers, **foreign})
            assert status == 403 and option in content.decode(), (name, foreign, status, content)
            cors = [key for key in answered if key.startswith("access-control-")]
            assert not cors, (name, foreign, cors)
    assert state(sim) == before


@suite.test
def refusals_in_the_form_of_the_protocol(sim):
    foreign = {"Origin": "https://evil.example"}
    for name, kind, part in (("json", "application/x-amz-json-1.1", b'"__type":"AccessDeniedException"'),
                             ("rest", "application/json", b'"ErrorCode":"AccessDeniedException"'),
                             ("query", "text/xml;charset=UTF-8", b"<Errors><Error><Code>AccessDenied</Code>"),
                             ("sts", "text/xml", b"<Code>AccessDenied</Code>"),
                             ("object", "application/xml", b"<Error><Code>AccessDenied</Code>"),
                             ("reset", "application/json", b'"message":"')):
        method, path, body, headers = REQUESTS[name]
        status, answered, content = sim.http(method, path, body, {**headers, **foreign})
        assert (status, answered["content-type"]) == (403, kind) and part in content, (name, answered, content)
    _, _, content = sim.http("GET", "/kept/k", headers={"Origin": 'https://a.example"><script>&'})
    assert b"<script>" not in content, content


@suite.test
def own_requests(sim):
    prepare(sim)
    own = [{}, {"Origin": "http://localhost:3000"}, {"Origin": f"http://127.0.0.1:{sim.port}"}, {"Origin": "http://[::1]:3000"},
           {"Origin": "http://app.localhost"}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin"},
           {"Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "cross-site"},
           *({"Host": host} for host in ("localhost", "LOCALHOST:1", "localhost.", "127.0.0.1", "[::1]:4566", "10.1.2.3", "awssim",
                                         "aws.localhost", "host.docker.internal", "box.local", "ecs.us-east-1.amazonaws.com",
                                         "localhost.localstack.cloud:4566", "ecs.localhost.localstack.cloud"))]
    for headers in own:
        status, document = sim.json_call(f"{ECS}.DescribeClusters", {"clusters": ["kept"]}, **headers)
        assert status == 200 and document["clusters"][0]["status"] == "ACTIVE", (headers, status, document)
    # An image in a page of this machine may be an object, but no call that changes something.
    page = {"Sec-Fetch-Site": "cross-site", "Referer": "http://127.0.0.1:3000/page"}
    assert sim.http("GET", "/kept/k", headers=page)[::2] == (200, b"v")
    assert sim.http("GET", f"/?{VPC}", headers=page)[0] == 403


@suite.test
def preflights(sim):
    prepare(sim)
    ask = {"Origin": "http://localhost:3000", **PREFLIGHT}
    status, headers, _ = sim.http("OPTIONS", "/", headers=ask)
    assert status == 204 and headers["access-control-allow-private-network"] == "true", (status, headers)
    sim.client("s3").put_bucket_cors(Bucket="kept", CORSConfiguration={"CORSRules": [
        {"AllowedMethods": ["PUT"], "AllowedOrigins": ["http://localhost:*", "https://evil.example"], "AllowedHeaders": ["*"]}]})
    ask["Access-Control-Request-Method"] = "PUT"
    status, headers, _ = sim.http("OPTIONS", "/kept/k", headers=ask)
    assert status == 200 and headers["access-control-allow-private-network"] == "true", (status, headers)
    assert headers["access-control-allow-origin"] == "http://localhost:3000", headers
    refused = {**ask, "Origin": "http://other.localhost"}  # may use awssim, but not this bucket
    assert sim.http("OPTIONS", "/kept/k", headers=refused)[0] == 403
    assert sim.http("OPTIONS", "/kept/k", headers={**ask, "Origin": "https://evil.example"})[0] == 403
    sim.client("s3").delete_bucket_cors(Bucket="kept")


@suite.test
def a_large_body_is_refused_before_it_comes(sim):
    """A page cannot fill the disk, and who asks before sending is told at once."""
    with socket.create_connection(("127.0.0.1", sim.port), timeout=30) as peer:
        peer.sendall(b"PUT /kept/big HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\nExpect: 100-continue\r\n"
                     b"Content-Length: 4000000000\r\n\r\n")
        assert peer.recv(65536).startswith(b"HTTP/1.1 403 "), "no refusal"


@suite.test
def forms_of_hosts(sim):
    """What can stand in a request line and in Host but is no host name of awssim's."""
    def status(data):
        with socket.create_connection(("127.0.0.1", sim.port), timeout=30) as peer:
            peer.sendall(data)
            return int(peer.recv(65536).split()[1])

    for data, expected in ((b"GET /health HTTP/1.0\r\n\r\n", 200), (b"GET /health HTTP/1.1\r\nHost:\r\n\r\n", 200),
                           (b"GET /health HTTP/1.0\r\nHost: evil.example\r\n\r\n", 403), (b"GET /health HTTP/1.1\r\n\r\n", 400),
                           (b"GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 403),
                           (b"GET http://localhost/health HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
                           (b"GET http://localhost:4566/health HTTP/1.1\r\nHost: localhost:4566\r\n\r\n", 200),
                           (b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400),
                           (b"GET /health HTTP/1.1\r\nHost: a@localhost\r\n\r\n", 400),
                           (b"GET /health HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nOrigin: https://e.example\r\n\r\n", 400)):
        assert status(data) == expected, (data, status(data))


@suite.test
def allowed_by_options(_):
    with Awssim("--ephemeral", "--allow-origin", "https://app.example,http://*.test:*", "--allow-host", "aws.example,.proxy.example") as sim:
        for headers, expected in (({"Origin": "https://app.example"}, 200), ({"Origin": "http://a.test:99"}, 200),
                                  ({"Origin": "https://app.example:1"}, 403), ({"Origin": "https://x.app.example"}, 403),
                                  ({"Host": "aws.example"}, 200), ({"Host": "b.s3.proxy.example:80"}, 200), ({"Host": "x.aws.example"}, 403),
                                  ({"Host": "aws.example", "Origin": "https://aws.example"}, 200)):
            status, _, body = sim.http("GET", "/_awssim/stats", headers=headers)
            assert status == expected, (headers, status, body)
        status, headers, _ = sim.http("OPTIONS", "/", headers={"Origin": "https://app.example", **PREFLIGHT})
        assert status == 204 and headers["access-control-allow-origin"] == "*", headers
        log = sim.ctl("logs", "router").stdout
        assert "--allow-origin https://app.example:1 " in log and "--allow-host x.aws.example " in log, log


ATTACK = """
const [endpoint, vpc, form] = arguments, failed = [], wait = [];
const tried = (name, promise) => wait.push(promise.then(() => 0, () => failed.push(name)));
const json = {'Content-Type': 'application/x-amz-json-1.1'};
for (const [target, body] of [['RunTask', '{"taskDefinition":"t"}'], ['CreateCluster', '{"clusterName":"evil"}']])
    tried(target, fetch(endpoint, {method: 'POST', body, headers: {...json, 'X-Amz-Target': form.ecs + '.' + target}}));
tried('read', fetch(endpoint + '/kept/k'));
tried('stats', fetch(endpoint + '/_awssim/stats'));
const send = (path, body, type) => wait.push(fetch(endpoint + path, {method: 'POST', mode: 'no-cors', body, headers: {'Content-Type': type}}).catch(() => 0));
send('/', vpc, 'application/x-www-form-urlencoded');
send('/_awssim/reset', 'x', 'text/plain');
send('/_localstack/state/reset', '', 'text/plain');
send('/?' + vpc, '', 'text/plain');
navigator.sendBeacon(endpoint + '/_awssim/reset', 'x');
const loads = (element, name, url) => wait.push(new Promise(resolve => {
    const e = document.createElement(element);
    e.onload = e.onerror = resolve;
    e[name] = url;
    document.body.append(e);
}));
loads('img', 'src', endpoint + '/?' + vpc);
loads('script', 'src', endpoint + '/?' + vpc);
loads('iframe', 'src', endpoint + '/?' + vpc);
const submits = (action, sandbox) => wait.push(new Promise(resolve => {
    const frame = document.createElement('iframe');
    if (sandbox) frame.sandbox = 'allow-forms allow-scripts';
    frame.srcdoc = `<form method=post action="${action}"><input name=a value=b></form><script>onload = () => setTimeout(() => document.forms[0].submit())</scr` + 'ipt>';
    let loaded = 0;
    frame.onload = () => ++loaded == 2 && resolve();
    document.body.append(frame);
}));
submits(endpoint + '/_awssim/reset', false);
submits(endpoint + '/_awssim/reset', true);
submits(endpoint + '/?' + vpc, true);
wait.push(new Promise(resolve => {
    const socket = new WebSocket(endpoint.replace('http', 'ws'));
    socket.onopen = () => resolve(failed.push('socket opened'));
    socket.onerror = resolve;
}));
Promise.all(wait).then(() => done(failed.sort()));
"""

UPLOAD = """
const [endpoint, key] = arguments;
fetch(endpoint + '/kept/' + key, {method: 'PUT', body: 'from a page', headers: {'x-amz-meta-by': 'page'}})
    .then(async answer => done([answer.status, await answer.text()]), error => done([0, String(error)]));
"""

CALL = """
const [endpoint, target, body] = arguments;
fetch(endpoint, {method: 'POST', body, headers: {'X-Amz-Target': target, 'Content-Type': 'application/x-amz-json-1.1'}})
    .then(async answer => done([answer.status, await answer.text()]), error => done([0, String(error)]));
"""


def need_browser():
    if browser.missing():
        raise Skipped(f"no {' and no '.join(browser.missing())} here")


@suite.test
def a_browser_with_a_foreign_page(sim):
    need_browser()
    before = prepare(sim)
    with browser.pages() as port, browser.chromium(["evil.example", "rebound.example"]) as chromium:
        for host in ("127.0.0.1", "localhost", "0.0.0.0"):
            chromium.open(f"http://evil.example:{port}/")
            failed = chromium.run(ATTACK, f"http://{host}:{sim.port}", VPC, {"ecs": ECS})
            assert failed == ["CreateCluster", "RunTask", "read", "stats"], (host, failed)
            assert state(sim) == before, host
        # A name that its owner has pointed at this machine: for the browser the page is awssim's own.
        chromium.open(f"http://rebound.example:{sim.port}/health")
        assert "--allow-host rebound.example" in chromium.text(), chromium.text()
        assert chromium.run(CALL, "/", f"{ECS}.CreateCluster", '{"clusterName": "evil"}')[0] == 403
    assert state(sim) == before


@suite.test
def a_browser_with_a_page_of_this_machine(sim):
    need_browser()
    prepare(sim)
    s3 = sim.client("s3")
    s3.put_bucket_cors(Bucket="kept", CORSConfiguration={"CORSRules": [
        {"AllowedMethods": ["PUT"], "AllowedOrigins": ["http://localhost:*"], "AllowedHeaders": ["*"]}]})
    with browser.pages() as port, browser.chromium([]) as chromium:
        chromium.open(f"http://localhost:{port}/")
        for key, host in (("same", "localhost"), ("other", "127.0.0.1")):
            assert chromium.run(UPLOAD, f"http://{host}:{sim.port}", key)[0] == 200, key
            got = s3.get_object(Bucket="kept", Key=key)
            assert (got["Body"].read(), got["Metadata"]) == (b"from a page", {"by": "page"}), got
        status, content = chromium.run(CALL, sim.endpoint, f"{ECS}.ListClusters", "{}")
        assert status == 200 and "kept" in str(json.loads(content)["clusterArns"]), content
        chromium.open(f"http://127.0.0.1:{port}/")  # the bucket's rules do not have that one
        assert chromium.run(UPLOAD, sim.endpoint, "refused")[0] == 0
    s3.delete_bucket_cors(Bucket="kept")


@suite.test
def a_browser_with_an_allowed_page(_):
    need_browser()
    with browser.pages() as port, Awssim("--ephemeral", "--allow-origin", f"http://app.example:{port}") as sim, \
            browser.chromium(["app.example", "evil.example"]) as chromium:
        for name, expected in (("app.example", 200), ("evil.example", 0)):
            chromium.open(f"http://{name}:{port}/")
            assert chromium.run(CALL, sim.endpoint, f"{ECS}.ListClusters", "{}")[0] == expected, name


if __name__ == "__main__":
    sys.exit(suite.main(Awssim("--ephemeral").start()))
