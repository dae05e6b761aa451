"""The Python runtime of Lambda functions: asks the Runtime API for events, calls the handler, sends its answers.

Started for every environment, so it imports next to nothing: the Runtime API is spoken over a bare socket, logging is set up when the function
imports it, traceback when something went wrong.
"""

import json
import os
import sys
import time
from _socket import socket

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
ROOT = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
PREFIX = "/2018-06-01/runtime/"
JSON_LOGS = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"

request_id = None


class RuntimeApi:
    """One kept connection, one request at a time."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.host = address
        self.socket = socket()
        self.socket.connect((host, int(port)))
        self.bytes = b""

    def call(self, method, path, body=None, headers=()):
        lines = [f"{method} {PREFIX}{path} HTTP/1.1", f"Host: {self.host}"]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{name}: {value}" for name, value in headers]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))
        return self.answer()

    def receive(self):
        more = self.socket.recv(262144)
        if not more:
            os._exit(0)  # the environment is over
        return more

    def answer(self):
        data = self.bytes
        while b"\r\n\r\n" not in data:
            data += self.receive()
        head, rest = data.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        parts, received = [rest], len(rest)
        while received < length:
            more = self.receive()
            parts.append(more)
            received += len(more)
        data = b"".join(parts)
        self.bytes = data[length:]
        return headers, data[:length]


class Identity:
    def __init__(self, document):
        self.cognito_identity_id = document.get("cognitoIdentityId")
        self.cognito_identity_pool_id = document.get("cognitoIdentityPoolId")

    def __repr__(self):
        return (f"CognitoIdentity([cognito_identity_id={self.cognito_identity_id},"
                f"cognito_identity_pool_id={self.cognito_identity_pool_id}])")


class Client:
    FIELDS = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")

    def __init__(self, document):
        for name in self.FIELDS:
            setattr(self, name, (document or {}).get(name))


class ClientContext:
    def __init__(self, document):
        self.custom = document.get("custom")
        self.env = document.get("env")
        self.client = Client(document.get("client")) if document.get("client") else None


class LambdaContext:
    """What a handler learns about its invocation."""

    def __init__(self, headers):
        environment = os.environ
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.function_name = environment.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = environment.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = environment.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environment.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self._epoch_deadline_time_in_ms = int(headers["lambda-runtime-deadline-ms"])
        client = headers.get("lambda-runtime-client-context")
        self.client_context = ClientContext(json.loads(client)) if client else None
        self.identity = Identity(json.loads(headers.get("lambda-runtime-cognito-identity") or "{}"))

    def get_remaining_time_in_millis(self):
        return max(self._epoch_deadline_time_in_ms - int(time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        return (f"LambdaContext([aws_request_id={self.aws_request_id},log_group_name={self.log_group_name},"
                f"log_stream_name={self.log_stream_name},function_name={self.function_name},"
                f"memory_limit_in_mb={self.memory_limit_in_mb},function_version={self.function_version},"
                f"invoked_function_arn={self.invoked_function_arn},client_context={self.client_context},"
                f"identity={self.identity}])")


def set_up_logging(logging):
    """As AWS does: one handler at the root, so that basicConfig changes nothing."""

    class Handler(logging.Handler):
        def emit(self, record):
            # One event of the log, whatever is in it.
            sys.stdout.write(self.format(record).replace("\n", "\r") + "\n")

    class Text(logging.Formatter):
        converter = time.gmtime

        def format(self, record):
            record.aws_request_id = request_id or ""
            return super().format(record)

    class Json(logging.Formatter):
        converter = time.gmtime

        def format(self, record):
            document = {"timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"), "level": record.levelname,
                        "message": record.getMessage(), "logger": record.name}
            if record.exc_info:
                document["errorType"] = record.exc_info[0].__name__
                document["errorMessage"] = str(record.exc_info[1])
                document["stackTrace"] = self.formatException(record.exc_info).split("\n")
            if request_id:
                document["requestId"] = request_id
            return json.dumps(document, default=str)

    handler = Handler()
    if JSON_LOGS:
        handler.setFormatter(Json())
        logging.root.setLevel({"TRACE": "DEBUG", "FATAL": "CRITICAL"}.get(
            level := os.environ.get("AWS_LAMBDA_LOG_LEVEL", "INFO"), level))
    else:
        handler.setFormatter(Text("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s",
                                  "%Y-%m-%dT%H:%M:%S"))
    logging.root.addHandler(handler)


def set_endpoint(session):
    """botocore before 1.31 does not read AWS_ENDPOINT_URL, and would turn to AWS itself."""
    from botocore import __version__ as version
    if tuple(int(part) for part in version.split(".")[:2]) >= (1, 31):
        return
    create = session.Session.create_client

    def create_client(self, service_name, *arguments, **named):
        if len(arguments) < 5 and not named.get("endpoint_url"):
            named["endpoint_url"] = os.environ.get("AWS_ENDPOINT_URL")
        return create(self, service_name, *arguments, **named)

    session.Session.create_client = create_client


class ImportHook:
    """Does something to a module at the moment when somebody imports it."""

    AFTER = {"logging": set_up_logging, "botocore.session": set_endpoint}

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        after = cls.AFTER.pop(name, None)
        if not after:
            return None
        from importlib.machinery import PathFinder
        spec = PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            after(module)

        spec.loader.exec_module = exec_module
        return spec


class SdkFinder:
    """AWS's runtime brings boto3. Where this interpreter has none, another Python's in PATH is as good: it is all in
    Python. Asked last, for what nobody else has found."""

    NAMES = {"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"}
    folders = None

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if path is not None or name not in cls.NAMES:
            return None
        from importlib.machinery import PathFinder
        if cls.folders is None:
            cls.folders = cls.find_folders()
        return PathFinder.find_spec(name, cls.folders)

    @staticmethod
    def find_folders():
        from glob import glob
        own = f"/python{sys.version_info.major}.{sys.version_info.minor}/"
        for programs in os.environ.get("PATH", "").split(":"):
            above = os.path.dirname(programs)
            # A version manager's shims stand for the installations beside them.
            root = f"{above}/versions/*" if programs.endswith("/shims") else above
            found = [os.path.dirname(one) for one in glob(f"{root}/lib/python3*/*-packages/boto3")]
            if found:
                return sorted(found, key=lambda folder: (own in folder, folder))[-1:]
        return []


def frames_of(error):
    """The function's own frames, as text."""
    import traceback
    trace = error.__traceback__
    while trace and (trace.tb_frame.f_code.co_filename == __file__ or "importlib" in trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return traceback.format_list(traceback.extract_tb(trace))


def describe(error, kind=None, message=None, frames=None):
    document = {"errorMessage": str(error) if message is None else message, "errorType": kind or type(error).__name__}
    if request_id:
        document["requestId"] = request_id
    document["stackTrace"] = frames_of(error) if frames is None else frames
    return document


def print_error(document):
    if JSON_LOGS:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = json.dumps({"timestamp": stamp, "level": "ERROR", "message": document["errorMessage"], "logger": "root",
                           **document})
    else:
        lines = [f"[ERROR] {document['errorType']}: {document['errorMessage']}", "Traceback (most recent call last):"]
        lines += "".join(document["stackTrace"]).splitlines()
        line = "\r".join(lines)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def fail_start(api, error, kind, message, frames=None):
    document = describe(error, kind, message, frames)
    print_error(document)
    api.call("POST", "init/error", json.dumps(document).encode(), [("Lambda-Runtime-Function-Error-Type", kind)])
    sys.exit(1)


def load_handler(api):
    name = os.environ.get("_HANDLER", "")
    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as error:
        fail_start(api, error, "Runtime.MalformedHandlerName", f"Bad handler '{name}': {error}", [])
    try:
        from importlib import import_module
        module = import_module(module_name.replace("/", "."))
    except ImportError as error:
        fail_start(api, error, "Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}", [])
    except SyntaxError as error:
        where = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text or ""}\n']
        fail_start(api, error, "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", where)
    except Exception as error:  # the function's own, while its module was executed
        fail_start(api, error, type(error).__name__, str(error))
    try:
        return getattr(module, function_name)
    except AttributeError as error:
        fail_start(api, error, "Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'",
                   [])


class Encoder(json.JSONEncoder):
    def default(self, value):
        if type(value).__name__ == "Decimal":
            return float(value)
        return super().default(value)


def run(handler, headers, body):
    """Answers the path's last part, the body and the error's type."""
    try:
        event = json.loads(body)
    except ValueError as error:
        return describe(error, "Runtime.UnmarshalError", f"Unable to unmarshal input: {error}", [])
    try:
        result = handler(event, LambdaContext(headers))
    except Exception as error:  # whatever it is, it is the function's answer
        return describe(error)
    try:
        return Encoder(ensure_ascii=sys.version_info < (3, 12)).encode(result).encode()
    except Exception as error:
        return describe(error, "Runtime.MarshalError", f"Unable to marshal response: {error}", [])


def serve(api, handler):
    global request_id
    while True:
        headers, body = api.call("GET", "invocation/next")
        request_id = headers["lambda-runtime-aws-request-id"]
        os.environ["_X_AMZN_TRACE_ID"] = headers.get("lambda-runtime-trace-id", "")
        result = run(handler, headers, body)
        if isinstance(result, bytes):
            sys.stdout.flush()
            sys.stderr.flush()
            api.call("POST", f"invocation/{request_id}/response", result, [("Content-Type", "application/json")])
        else:
            print_error(result)
            api.call("POST", f"invocation/{request_id}/error", json.dumps(result).encode(),
                     [("Content-Type", "application/json"), ("Lambda-Runtime-Function-Error-Type", result["errorType"])])


def main():
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    sys.path[0:1] = [ROOT, f"/opt/python/lib/{version}/site-packages", "/opt/python"]
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace", encoding="utf-8")
    sys.stderr.reconfigure(line_buffering=True, errors="backslashreplace", encoding="utf-8")
    sys.meta_path.insert(0, ImportHook)
    sys.meta_path.append(SdkFinder)
    api = RuntimeApi(API)
    serve(api, load_handler(api))


main()
