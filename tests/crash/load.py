"""Clients that keep a server busy and remember what it acknowledged, for the crash tests."""

import http.client
import json
import threading
import time

from awssim import wait_until
from services import ECS, LOGS

TASK_LINES = 5


def call(sim, target, body):
    """The answer of a call that must work."""
    status, document = sim.json_call(target, body)
    assert status == 200, (target, body, status, document)
    return document


def try_call(sim, target, body):
    """(status, document), status 0 when there was no whole answer."""
    try:
        return sim.json_call(target, body)
    except (OSError, http.client.HTTPException, json.JSONDecodeError):
        return 0, None


def register(sim, family, script, group, **container):
    """A task definition that runs a shell script on the host, with its output in the log group."""
    call(sim, f"{ECS}.RegisterTaskDefinition", {
        "family": family, "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "containerDefinitions": [{
            "name": "main", "image": "busybox", "command": ["sh", "-c", f"{script}\n: {sim.dir}"],
            "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": group, "awslogs-region": "us-east-1", "awslogs-stream-prefix": family}}, **container}]})


def run_task(sim, family):
    answer = call(sim, f"{ECS}.RunTask", {"taskDefinition": family, "launchType": "FARGATE", "networkConfiguration": sim.network()})
    assert not answer.get("failures"), answer
    return answer["tasks"][0]["taskArn"]


def describe(sim, arns):
    out = []
    for i in range(0, len(arns), 100):
        answer = call(sim, f"{ECS}.DescribeTasks", {"tasks": arns[i:i + 100]})
        assert not answer["failures"], answer["failures"]
        out += answer["tasks"]
    return out


def wait_status(sim, arns, status, timeout=60):
    """The tasks once all of them have that status."""
    def there():
        tasks = describe(sim, arns)
        return tasks if all(t["lastStatus"] == status for t in tasks) else None

    return wait_until(there, timeout, f"{len(arns)} tasks {status}")


def messages(sim, group, stream):
    """Every event of a log stream, in order."""
    out, token = [], None
    while True:
        query = {"logGroupName": group, "logStreamName": stream, "startFromHead": True, **({"nextToken": token} if token else {})}
        answer = call(sim, f"{LOGS}.GetLogEvents", query)
        out += [e["message"] for e in answer["events"]]
        if answer["nextForwardToken"] == token:
            return out
        token = answer["nextForwardToken"]


class Load:
    """Threads that create clusters, put log events and run short tasks until stop(). What was answered with 200 is in
    clusters, events (stream → messages) and tasks."""

    group = "/crash/load"

    def __init__(self, sim, threads=2):
        self.sim = sim
        self.stopping = threading.Event()
        self.clusters = []
        self.events = {}
        self.tasks = []
        self.refused = []  # answers that a client may not get, even now
        call(sim, f"{ECS}.CreateCluster", {})
        call(sim, f"{LOGS}.CreateLogGroup", {"logGroupName": self.group})
        lines = " ".join(str(i) for i in range(TASK_LINES))
        register(sim, "short", f"for i in {lines}; do echo line $i; done", self.group)
        self.run_tag = 0
        self.network = sim.network()
        self.bodies = [f for n in range(threads) for f in (self.creating(n), self.putting(n))] + [self.running(), self.asking()]
        self.threads = []

    def start(self):
        """Begins, or goes on after stop()."""
        self.stopping.clear()
        self.run_tag += 1
        self.threads = [threading.Thread(target=self.repeat, args=(body,), daemon=True) for body in self.bodies]
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(70)
            assert not thread.is_alive(), "a client hangs"

    def repeat(self, body):
        number = 0
        while not self.stopping.is_set():
            number += 1
            body(f"{self.run_tag}-{number}")

    def done(self, target, body):
        """Whether the call was acknowledged. While a process is away, a call may fail with 500 or 503, or not at all."""
        began = time.monotonic()
        status, document = try_call(self.sim, target, body)
        if status not in (0, 200, 500, 503) or time.monotonic() - began > 30:
            self.refused.append((target, status, document, time.monotonic() - began))
        return document if status == 200 else None

    def creating(self, n):
        def body(number):
            name = f"cluster-{n}-{number}"
            if self.done(f"{ECS}.CreateCluster", {"clusterName": name}):
                self.clusters.append(name)

        return body

    def putting(self, n):
        stream = f"stream-{n}"
        call(self.sim, f"{LOGS}.CreateLogStream", {"logGroupName": self.group, "logStreamName": stream})
        acknowledged = self.events.setdefault(stream, [])

        def body(number):
            now = int(time.time() * 1000)
            event = [{"timestamp": now, "message": f"event {number} {part}"} for part in range(3)]
            if self.done(f"{LOGS}.PutLogEvents", {"logGroupName": self.group, "logStreamName": stream, "logEvents": event}):
                acknowledged.extend(e["message"] for e in event)

        return body

    def running(self):
        def body(_):
            answer = self.done(f"{ECS}.RunTask", {"taskDefinition": "short", "launchType": "FARGATE", "networkConfiguration": self.network})
            if answer:
                self.tasks.extend(t["taskArn"] for t in answer["tasks"])
                self.stopping.wait(0.1)

        return body

    def asking(self):
        def body(_):
            try:
                self.sim.http("POST", "/", "Action=GetCallerIdentity&Version=2011-06-15",
                              {"Content-Type": "application/x-www-form-urlencoded"})
            except (OSError, http.client.HTTPException):
                pass

        return body

    def check(self):
        """Everything acknowledged is there, nothing is there twice, and every task has ended with its log complete."""
        assert not self.refused, self.refused[:5]
        assert self.clusters and self.tasks and all(self.events.values()), "the load did nothing"
        self.check_clusters()
        self.check_events()
        self.check_tasks()

    def check_clusters(self):
        for i in range(0, len(self.clusters), 100):
            answer = call(self.sim, f"{ECS}.DescribeClusters", {"clusters": self.clusters[i:i + 100]})
            assert not answer["failures"], f"acknowledged clusters are gone: {answer['failures'][:5]}"

    def check_events(self):
        for stream, acknowledged in self.events.items():
            stored = messages(self.sim, self.group, stream)
            lost = set(acknowledged) - set(stored)
            assert not lost, f"{len(lost)} acknowledged events of {len(acknowledged)} are gone: {sorted(lost)[:5]}"
            assert len(stored) == len(set(stored)), f"{len(stored) - len(set(stored))} events are there twice"

    def check_tasks(self):
        wanted = [f"line {i}" for i in range(TASK_LINES)]
        for task in wait_status(self.sim, self.tasks, "STOPPED"):
            container = task["containers"][0]
            assert task.get("stoppedReason") and task.get("stopCode"), task
            if container.get("exitCode") == 0:
                stored = messages(self.sim, self.group, f"short/main/{task['taskArn'].rsplit('/', 1)[1]}")
                assert stored == wanted, f"{task['taskArn']}: {stored}"
