#!/usr/bin/env python3
"""What Lambda functions run in: a sandbox of their own, file systems of EFS, and images of the simulator's own registry."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import boto3

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Skipped, Suite, build_dir, ctl, wait_until  # noqa: E402
from functions import ROLE, archive, make_role  # noqa: E402
from image import Registry, busybox, busybox_layer, layer  # noqa: E402

suite = Suite()

# A function that does what its event says.
PROBE = """
import os, sys, time
sys.path.insert(0, "/opt")

def handler(event, context):
    scope = {"os": os, "sys": sys, "time": time}
    exec(event["do"], scope)
    return scope.get("result")
"""

# The same in a shell, for images: answers what it was started with and what it sees.
RUNTIME = b"""#!/bin/sh
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
while :; do
  event=$(busybox wget -q -S -O - $api/invocation/next 2>/tmp/head) || exit 3
  id=$(busybox sed -n 's/.*Lambda-Runtime-Aws-Request-Id: *\\([^ \\r]*\\).*/\\1/p' /tmp/head)
  touch /written 2>/dev/null && wrote=true || wrote=false
  answer="{\\"handler\\":\\"$1\\",\\"own\\":\\"$OWN\\",\\"folder\\":\\"$(pwd)\\",\\"user\\":$(id -u),\\"wrote\\":$wrote,\\"motto\\":\\"$(cat /etc/motto)\\",\\"event\\":$event}"
  busybox wget -q -O /dev/null --post-data "$answer" $api/invocation/$id/response
done
"""


def settled(sim, name):
    lam = sim.client("lambda")
    lam.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
    lam.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
    return lam


def create(sim, name, **fields):
    code = {"Runtime": "python3.11", "Handler": "app.handler", "Code": {"ZipFile": archive(app__py=PROBE)}}
    sim.client("lambda").create_function(FunctionName=name, Role=ROLE, **{"Timeout": 20, **code, **fields})
    return settled(sim, name)


def invoke(sim, name, event):
    """(FunctionError or None, document)"""
    answer = sim.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    return answer.get("FunctionError"), json.loads(answer["Payload"].read())


def run(sim, name, code):
    error, document = invoke(sim, name, {"do": code})
    assert error is None, document
    return document


def refused(call, code, **fields):
    from botocore.exceptions import ClientError

    try:
        call(**fields)
    except ClientError as failure:
        assert failure.response["Error"]["Code"] == code, failure
        return failure.response["Error"]["Message"]
    raise AssertionError(f"{fields} was not refused with {code}")


def runner_says(sim, text):
    return text in sim.ctl("logs", "runner", check=False).stdout


def processes(name):
    """The processes of a function's environments, by the name in their variables."""
    found, mark = [], f"AWS_LAMBDA_FUNCTION_NAME={name}".encode()
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
            if state != "Z" and mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def retire(sim, name):
    """A new configuration: the environments of the former one end."""
    sim.client("lambda").update_function_configuration(FunctionName=name, Description=os.urandom(4).hex())
    settled(sim, name)


@suite.test
def user_and_places(sim):
    create(sim, "probe")
    assert run(sim, "probe", "result = os.getuid()") == (os.getuid() or 1879049185)
    assert run(sim, "probe", "import getpass; result = getpass.getuser()") == "sbx_user1051"
    assert run(sim, "probe", "result = [os.getcwd(), os.environ['LAMBDA_TASK_ROOT'], os.environ['LAMBDA_RUNTIME_DIR'], __import__('app').__file__]") == [
        "/var/task", "/var/task", "/var/runtime", "/var/task/app.py"]
    assert run(sim, "probe", "result = sorted(os.listdir('/var/task'))") == ["app.py"]
    capabilities = run(sim, "probe", "result = open('/proc/self/status').read()")
    assert re.search(r"CapEff:\t0+\n", capabilities) and "NoNewPrivs:\t1" in capabilities, capabilities
    modules = "import ssl, sqlite3, decimal, urllib.request, concurrent.futures, subprocess; result = subprocess.getoutput('echo through a shell')"
    assert run(sim, "probe", modules) == "through a shell"
    assert run(sim, "probe", "import resource; result = resource.getrlimit(resource.RLIMIT_NOFILE)") == [1024, 1024]


@suite.test
def only_tmp_is_written(sim):
    attempt = """
result = []
for folder in ("/", "/var/task", "/var/runtime", "/var", "/var/tmp", "/opt", "/usr", "/etc", "/dev", "/dev/shm", "/home", "/root", "/run", "/mnt", "/proc"):
    try:
        open(folder + "/written", "w")
        result.append(folder)
    except OSError:
        pass
"""
    assert run(sim, "probe", attempt) == []
    run(sim, "probe", "open('/var/task/app.py')\ntry:\n    os.unlink('/var/task/app.py')\nexcept OSError as why:\n    result = why.errno")
    assert run(sim, "probe", "result = open('/tmp/kept', 'w').write('x')") == 1
    assert run(sim, "probe", "result = os.listdir('/tmp')") == ["kept"]  # a warm environment keeps it
    assert run(sim, "probe", "os.stat('/dev/null'); open('/dev/null', 'w').write('x'); result = len(os.urandom(4))") == 4


@suite.test
def tmp_is_private_and_limited(sim):
    create(sim, "other")
    assert run(sim, "other", "result = os.listdir('/tmp')") == []
    assert not os.path.exists("/tmp/kept")
    fill = """
result, block = [0, 0], b"x" * 1048576
try:
    with open("/tmp/large", "wb", buffering=0) as file:
        while result[0] < 2048:
            file.write(block)
            result[0] += 1
except OSError as why:
    result[1] = why.errno
os.unlink("/tmp/large")
"""
    assert run(sim, "other", fill) == [512, 28]
    sim.client("lambda").update_function_configuration(FunctionName="other", EphemeralStorage={"Size": 640})
    settled(sim, "other")
    assert run(sim, "other", fill) == [640, 28]
    refused(sim.client("lambda").update_function_configuration, "ValidationException", FunctionName="other",
            EphemeralStorage={"Size": 10241})


@suite.test
def host_is_out_of_reach(sim):
    supervisor = sim.pids()["supervisor"]
    assert run(sim, "probe", f"try:\n    os.kill({supervisor}, 9)\nexcept ProcessLookupError:\n    result = 'nobody'") == "nobody"
    assert len(run(sim, "probe", "result = [name for name in os.listdir('/proc') if name.isdigit()]")) <= 3
    assert run(sim, "probe", "result = [os.listdir(name) for name in ('/mnt', '/opt', '/media')]") == [[], [], []]
    packages = pathlib.Path(boto3.__file__).parent.parent  # which may be a user's, and are shown
    homes = "result = [os.path.join(root, name) for home in ('/home', '/root') for root, _, names in os.walk(home) for name in names]"
    assert [name for name in run(sim, "probe", homes) if not name.startswith(f"{packages}/")] == []
    assert run(sim, "probe", f"result = os.path.exists({sim.state_dir!r})") is False
    mounts = run(sim, "probe", "result = open('/proc/self/mounts').read()")
    writable = [line.split()[1] for line in mounts.splitlines() if "rw" in line.split()[3].split(",")]
    assert [name for name in writable if not name.startswith(("/dev/", "/proc"))] == ["/tmp"], writable
    assert "sandboxes       yes\n" in sim.ctl("doctor", check=False).stdout


@suite.test
def runtime_api_is_the_environments_own(sim):
    """Whoever asks from elsewhere for the next event, or names an extension there, is refused, and nothing is stolen."""
    create(sim, "owner")
    create(sim, "thief")
    address = run(sim, "owner", "result = os.environ['AWS_LAMBDA_RUNTIME_API']")
    ask = """
import urllib.error, urllib.request
result = []
for method, path in (("GET", "/2018-06-01/runtime/invocation/next"), ("POST", "/2018-06-01/runtime/init/error"),
                     ("POST", "/2020-01-01/extension/register"), ("PUT", "/2022-07-01/telemetry"), ("PUT", "/2020-08-15/logs")):
    try:
        with urllib.request.urlopen(urllib.request.Request("http://%s" + path, data=None if method == "GET" else b"{}", method=method), timeout=20) as answer:
            result.append(answer.status)
    except urllib.error.HTTPError as refusal:
        result.append(refusal.code)
""" % address
    outside = {}
    exec(ask, outside)
    assert outside["result"] == [403] * 5, outside["result"]
    assert run(sim, "thief", ask) == [403] * 5
    if os.getuid() == 0:
        child = os.fork()  # another user, who may not read this interpreter's files
        if child == 0:
            os.setuid(65534)
            exec(ask, outside)
            os._exit(0 if outside["result"] == [403] * 5 else 1)
        assert os.waitpid(child, 0)[1] == 0
    assert run(sim, "owner", "result = 'mine'") == "mine"
    own = "import subprocess; result = subprocess.run([sys.executable, '-c', 'import urllib.request as r; r.urlopen(r.Request(\"http://%s/2018-06-01/runtime/invocation/none/response\", data=b\"1\"))'], capture_output=True, text=True).stderr"
    assert "HTTP Error 400" in run(sim, "owner", own % address)  # a child of the function's, however it was started


@suite.test
def state_is_hidden_where_the_host_is_shown(sim):
    """A state directory that is not below a folder which a sandbox leaves out anyway."""
    near = Awssim()
    shutil.rmtree(near.dir)
    near.dir = tempfile.mkdtemp(prefix="awssim-test-", dir=build_dir() if os.access(build_dir(), os.W_OK) else None)
    with near:
        make_role(near)
        create(near, "near")
        look = """
result = []
for folder in %r:
    try:
        result += os.listdir(folder)
    except OSError:
        pass
"""
        assert run(near, "near", look % ([near.state_dir, near.state_dir + "/lambda", near.state_dir + "/run"],)) == []
        assert os.listdir(near.state_dir)


@suite.test
def nothing_is_left_behind(sim):
    run(sim, "probe", "for i in range(20):\n    if os.fork() == 0:\n        os.setsid()\n        time.sleep(600)")
    assert len(processes("probe")) >= 21
    retire(sim, "probe")
    wait_until(lambda: not processes("probe"))
    assert run(sim, "probe", "result = os.listdir('/tmp')") == []


@suite.test
def processes_are_limited(sim):
    bomb = """
result = 0
try:
    while result < 3000:
        if os.fork() == 0:
            time.sleep(600)
        result += 1
except OSError as why:
    result = [result, why.errno]
"""
    if os.getuid() == 0 and not os.path.isdir("/sys/fs/cgroup/pids") and not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        raise Skipped("this machine permits no control groups")
    create(sim, "bomb", MemorySize=1024, Timeout=60)
    started, errno = run(sim, "bomb", bomb)
    assert 900 < started < 1024 and errno == 11, (started, errno)
    retire(sim, "bomb")
    wait_until(lambda: not processes("bomb"))


@suite.test
def memory_is_limited(sim):
    if runner_says(sim, "control groups cannot be made"):
        raise Skipped("this machine permits no control groups")
    answer = sim.client("lambda").invoke(FunctionName="probe", Payload=json.dumps({"do": "x = bytearray(900 * 1048576)"}))
    document, request = json.loads(answer["Payload"].read()), answer["ResponseMetadata"]["RequestId"]
    assert answer["FunctionError"] == "Unhandled" and document == {
        "errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {request} Error: Runtime exited with error: signal: killed"}, document
    assert run(sim, "probe", "result = 1") == 1
    events = sim.client("logs").filter_log_events(logGroupName="/aws/lambda/probe")["events"]
    assert any("Runtime exited with error: signal: killed" in e["message"] for e in events), events


@suite.test
def exec_wrapper(sim):
    """AWS_LAMBDA_EXEC_WRAPPER: a script that starts the runtime, with the runtime's command as arguments."""
    lam = sim.client("lambda")
    wrapper = "#!/bin/sh\nexport WRAPPED=\"$*\" HANDLER_BEFORE=\"$_HANDLER\"\nexport _HANDLER=$INSTEAD\nexec \"$@\"\n"
    layer = lam.publish_layer_version(LayerName="wrapper", Content={"ZipFile": archive(**{"own/wrap": wrapper})})["LayerVersionArn"]
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/own/wrap", "INSTEAD": "app.handler"}
    create(sim, "wrapped", Layers=[layer], Handler="nothing.at_all", Environment={"Variables": variables})
    look = "result = [os.environ['WRAPPED'].split(), os.environ['HANDLER_BEFORE'], sys.executable]"
    command, handler, interpreter = run(sim, "wrapped", look)
    assert handler == "nothing.at_all" and command[-1] == "/var/runtime/bootstrap.py", command
    assert os.path.basename(command[0]).startswith("python3") and len(command) == 2, (command, interpreter)
    if shutil.which("node"):
        code = archive(index__js="exports.handler = async () => process.env.WRAPPED;")
        create(sim, "wrapped-node", Runtime="nodejs20.x", Handler="x.y", Code={"ZipFile": code}, Layers=[layer],
               Environment={"Variables": {**variables, "INSTEAD": "index.handler"}})
        error, command = invoke(sim, "wrapped-node", {})
        assert error is None and command.endswith("/node /var/runtime/bootstrap.mjs"), command
    for path, text, code in (("/opt/none", "does not exist", 127), ("/opt", "does not exist", 127), ("/etc/passwd", "is not an executable", 126)):
        lam.update_function_configuration(FunctionName="wrapped", Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": path}})
        settled(sim, "wrapped")
        error, document = invoke(sim, "wrapped", {})
        assert error == "Unhandled" and document["errorType"] == "Runtime.ExitError", document
        assert document["errorMessage"].endswith(f" Error: Runtime exited with error: exit status {code}"), document
        wait_until(lambda: f"{path}: {text}" in [e["message"] for e in sim.client("logs").filter_log_events(logGroupName="/aws/lambda/wrapped")["events"]])


@suite.test
def layers_are_one_folder(sim):
    lam, arns = sim.client("lambda"), []
    for name, files in (("below", {"python/shared__py": "VALUE = 1\n", "bin/tool": "#!/bin/sh\necho below\n", "only": "below"}),
                        ("above", {"python/shared__py": "VALUE = 2\n", "bin/tool": "#!/bin/sh\necho above\n"})):
        arns.append(lam.publish_layer_version(LayerName=name, Content={"ZipFile": archive(**files)})["LayerVersionArn"])
    create(sim, "layered", Layers=arns)
    look = "import shared; result = [shared.VALUE, open('/opt/only').read(), os.popen('tool').read(), shared.__file__]"
    assert run(sim, "layered", look) == [2, "below", "above\n", "/opt/python/shared.py"]
    assert run(sim, "layered", "try:\n    open('/opt/new', 'w')\nexcept OSError:\n    result = 'sealed'") == "sealed"


def access_point(sim, path, **more):
    efs = sim.client("efs")
    system = efs.create_file_system(CreationToken=path)["FileSystemId"]
    wait_until(lambda: efs.describe_file_systems(FileSystemId=system)["FileSystems"][0]["LifeCycleState"] == "available")
    root = {"Path": path, "CreationInfo": {"OwnerUid": 1234, "OwnerGid": 2345, "Permissions": "0750"}}
    point = efs.create_access_point(ClientToken=path, FileSystemId=system, RootDirectory=root, **more)
    wait_until(lambda: efs.describe_access_points(AccessPointId=point["AccessPointId"])["AccessPoints"][0]["LifeCycleState"] == "available")
    return system, point["AccessPointArn"]


@suite.test
def file_systems_are_shared(sim):
    system, arn = access_point(sim, "/shared", PosixUser={"Uid": 1234, "Gid": 2345})
    vpc = {"SubnetIds": sim.ec2_ids("Subnets", "subnetId")[:1], "SecurityGroupIds": sim.ec2_ids("SecurityGroups", "groupId")[:1]}
    mounted = {"VpcConfig": vpc, "FileSystemConfigs": [{"Arn": arn, "LocalMountPath": "/mnt/shared"}]}
    create(sim, "writer", **mounted)
    create(sim, "reader", **mounted)
    run(sim, "writer", "open('/mnt/shared/note', 'w').write('from the first')")
    assert run(sim, "reader", "result = [open('/mnt/shared/note').read(), os.listdir('/mnt')]") == ["from the first", ["shared"]]
    run(sim, "reader", "open('/mnt/shared/note', 'a').write(', and the second')")
    assert run(sim, "writer", "result = open('/mnt/shared/note').read()") == "from the first, and the second"
    owner = run(sim, "writer", "s = os.stat('/mnt/shared/note'); result = [s.st_uid, s.st_gid]")
    assert owner == ([1234, 2345] if os.getuid() == 0 else [os.getuid(), os.getgid()]), owner
    assert sim.client("lambda").get_function_configuration(FunctionName="writer")["FileSystemConfigs"] == mounted["FileSystemConfigs"]
    lost = [{"Arn": arn.rsplit("/", 1)[0] + "/fsap-0123456789abcdef0", "LocalMountPath": "/mnt/shared"}]
    message = refused(sim.client("lambda").update_function_configuration, "InvalidParameterValueException", FunctionName="reader",
                      FileSystemConfigs=lost)
    assert "fsap-0123456789abcdef0" in message, message
    efs = sim.client("efs")
    efs.delete_access_point(AccessPointId=arn.rsplit("/", 1)[1])
    wait_until(lambda: not efs.describe_access_points(FileSystemId=system)["AccessPoints"])
    retire(sim, "reader")
    refused(sim.client("lambda").invoke, "EFSMountFailureException", FunctionName="reader")
    sim.client("lambda").update_function_configuration(FunctionName="reader", FileSystemConfigs=[])
    settled(sim, "reader")
    assert run(sim, "reader", "result = os.listdir('/mnt')") == []


def uri(sim, name):
    return f"127.0.0.1:{sim.port}/{name}"


def create_image(sim, name, image, **fields):
    sim.client("lambda").create_function(FunctionName=name, PackageType="Image", Role=ROLE, Code={"ImageUri": image}, Timeout=20, **fields)
    return settled(sim, name)


def need_busybox():
    if busybox() is None:
        raise Skipped("no statically linked busybox on this machine (Debian's package busybox-static)")


def push(sim, tag, motto, **config):
    own = layer([("runtime", RUNTIME), ("etc/motto", motto.encode()), ("srv", None)])
    return Registry(sim).push("functions", tag, [busybox_layer(), own], **{"Entrypoint": ["/runtime"], "Cmd": ["app.handler"],
                                                                           "WorkingDir": "/srv", "User": "app", **config})


@suite.test
def image_functions(sim):
    need_busybox()
    sim.client("ecr").create_repository(repositoryName="functions")
    first = push(sim, "1", "one")
    lam = create_image(sim, "image", uri(sim, "functions:1"), Environment={"Variables": {"OWN": "value"}})
    error, document = invoke(sim, "image", {"a": 1})
    assert error is None and document == {"handler": "app.handler", "own": "value", "folder": "/srv", "wrote": False, "motto": "one",
                                          "user": os.getuid() or 1879049185, "event": {"a": 1}}, document
    about = lam.get_function(FunctionName="image")
    assert about["Code"] == {"RepositoryType": "ECR", "ImageUri": uri(sim, "functions:1"),
                             "ResolvedImageUri": uri(sim, f"functions@{first}")}, about["Code"]
    assert about["Configuration"]["CodeSha256"] == first.removeprefix("sha256:"), about
    second = push(sim, "1", "two")  # the function stays with what the tag was
    retire(sim, "image")
    assert invoke(sim, "image", {})[1]["motto"] == "one"
    assert lam.update_function_code(FunctionName="image", ImageUri=uri(sim, "functions:1"))["CodeSha256"] == second.removeprefix("sha256:")
    settled(sim, "image")
    assert invoke(sim, "image", {})[1]["motto"] == "two"
    lam.update_function_configuration(FunctionName="image", ImageConfig={"Command": ["other.handler"], "WorkingDirectory": "/tmp"})
    settled(sim, "image")
    document = invoke(sim, "image", {})[1]
    assert (document["handler"], document["folder"]) == ("other.handler", "/tmp"), document
    lam.update_function_configuration(FunctionName="image", ImageConfig={"EntryPoint": ["/bin/sh", "/runtime"], "Command": ["third"]})
    settled(sim, "image")
    assert invoke(sim, "image", {})[1]["handler"] == "third"
    create_image(sim, "image-aws", "123456789012.dkr.ecr.us-east-1.amazonaws.com/functions:1")
    assert invoke(sim, "image-aws", {})[1]["motto"] == "two"


@suite.test
def images_that_do_not_start(sim):
    need_busybox()
    for name, config, kind, text in (
            ("absolute", {"EntryPoint": ["/not/there"]}, "Runtime.InvalidEntrypoint", "Error: fork/exec /not/there: no such file or directory"),
            ("by-path", {"EntryPoint": ["not-there"]}, "Runtime.InvalidEntrypoint", 'Error: exec: "not-there": executable file not found in $PATH'),
            ("folder", {"WorkingDirectory": "/not/there"}, "Runtime.InvalidWorkingDir", "Error: chdir /not/there: no such file or directory"),
            ("exits", {"EntryPoint": ["/bin/sh", "-c", "exit 4"]}, "Runtime.ExitError", "Error: Runtime exited with error: exit status 4"),
            ("ends", {"EntryPoint": ["/bin/echo"]}, "Runtime.ExitError", "Error: Runtime exited without providing a reason")):
        create_image(sim, f"image-{name}", uri(sim, "functions:1"), ImageConfig=config)
        error, document = invoke(sim, f"image-{name}", {})
        assert error == "Unhandled" and document["errorType"] == kind and document["errorMessage"].endswith(text), (name, document)


@suite.test
def images_that_are_nowhere(sim):
    create = sim.client("lambda").create_function
    for image, text in (("nowhere.example/none:1", "is not valid"), (uri(sim, "none:1"), "does not exist"),
                        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/functions:1", "is not valid")):
        message = refused(create, "InvalidParameterValueException", FunctionName="bad", PackageType="Image", Role=ROLE, Code={"ImageUri": image})
        assert message == f"Source image {image} {text}. Provide a valid source image.", message


@suite.test
def packages_of_another_python(sim):
    """boto3 is that of a Python in PATH, wherever that is."""
    with tempfile.TemporaryDirectory() as folder:
        for version in ("3.9", "3.11"):
            os.makedirs(f"{folder}/versions/{version}/lib/python{version}/site-packages/boto3")
        os.mkdir(f"{folder}/shims")
        os.chmod(folder, 0o755)
        with Awssim(prefix=["env", f"PATH={folder}/shims:/usr/bin:/bin"]) as other:
            make_role(other)
            create(other, "sdk")
            assert run(other, "sdk", f"result = os.listdir('{folder}/versions/')") == ["3.11"]
            assert run(other, "sdk", f"result = os.listdir('{folder}/versions/3.11/lib/python3.11/site-packages')") == ["boto3"]


@suite.test
def without_namespaces(sim):
    """In a user namespace in which no further ones can be made, as in many containers."""
    none = "for kind in mnt pid user; do echo 0 > /proc/sys/user/max_${kind}_namespaces || exit 1; done; exec \"$@\""
    prefix = ["unshare", "--user", "--map-root-user", "sh", "-c", none, "sh"]
    if subprocess.run([*prefix, "true"], capture_output=True).returncode != 0:
        raise Skipped("this machine permits no user namespaces")
    doctor = subprocess.run([*prefix, ctl(), "doctor"], capture_output=True, text=True)
    assert doctor.returncode == 1 and "sandboxes       no: no sandbox is permitted" in doctor.stdout, doctor
    with Awssim("--images", "host", prefix=prefix) as bare:
        make_role(bare)
        create(bare, "bare")
        assert run(bare, "bare", "result = os.environ['LAMBDA_TASK_ROOT']").startswith(bare.state_dir)
        assert runner_says(bare, "functions run on the host's files: no sandbox is permitted")
        error, document = invoke(bare, "bare", {"do": "os._exit(3)"})
        assert document["errorMessage"].endswith("Runtime exited with error: exit status 3"), document
        run(bare, "bare", "for i in range(5):\n    if os.fork() == 0:\n        os.setsid()\n        time.sleep(600)")
        assert len(processes("bare")) >= 6
        error, document = invoke(bare, "bare", {"do": "os._exit(0)"})
        wait_until(lambda: not processes("bare"))
        if busybox():
            bare.client("ecr").create_repository(repositoryName="functions")
            push(bare, "1", "one")
            create_image(bare, "bare-image", uri(bare, "functions:1"))
            error, document = invoke(bare, "bare-image", {})
            assert error == "Unhandled" and "a mount namespace, which images and mounts need" in document["errorMessage"], document


@suite.test
def killed_runner_leaves_nothing(sim):
    run(sim, "probe", "for i in range(5):\n    if os.fork() == 0:\n        os.setsid()\n        time.sleep(600)")
    assert len(processes("probe")) >= 6
    former = sim.pids()["runner"]
    os.kill(former, 9)
    wait_until(lambda: not processes("probe"))
    wait_until(lambda: sim.pids().get("runner", former) != former)
    assert run(sim, "probe", "result = os.listdir('/tmp')") == []


@suite.test
def nothing_stays(sim):
    lam = sim.client("lambda")
    for function in [f["FunctionName"] for page in lam.get_paginator("list_functions").paginate() for f in page["Functions"]]:
        lam.delete_function(FunctionName=function)
        wait_until(lambda name=function: not processes(name))
    wait_until(lambda: not [name for name in os.listdir(os.path.join(sim.state_dir, "runner")) if name.startswith("function-")])
    assert sim.mounts() == []


if __name__ == "__main__":
    with Awssim() as simulator:
        make_role(simulator)
        sys.exit(suite.main(simulator))
