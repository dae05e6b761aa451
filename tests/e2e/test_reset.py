#!/usr/bin/env python3
"""A reset while calls wait: each of them is answered, at once, with what makes a client try again or give up.

usage: test_reset.py [TEST…]
"""

import json
import os
import pathlib
import signal
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, wait_until  # noqa: E402
import functions  # noqa: E402

suite = Suite()
SLEEPS = "import time\ndef handler(event, context):\n    print('began', flush=True)\n    time.sleep(50)\n"
STREAMS = """exports.handler = awslambda.streamifyResponse(async (event, out) => {
    out.write("began");
    await new Promise(() => setTimeout(() => {}, 50000));
});"""
ANSWER_S = 8  # a reset gives running calls a second, and stops functions and tasks


class Waiting:
    """A call in a thread: what it has answered or raised, and when."""

    def __init__(self, function, *arguments, **fields):
        self.outcome = self.at = None
        self.thread = threading.Thread(target=self.run, args=(function, arguments, fields), daemon=True)
        self.thread.start()

    def run(self, function, arguments, fields):
        try:
            self.outcome = function(*arguments, **fields)
        except Exception as failure:  # looked at by the test
            self.outcome = failure
        self.at = time.monotonic()

    def status(self, since):
        """The HTTP status, once there is one."""
        self.thread.join(ANSWER_S)
        assert self.at is not None, f"no answer within {ANSWER_S} s"
        assert self.at - since < ANSWER_S
        response = self.outcome if isinstance(self.outcome, dict) else getattr(self.outcome, "response", None)
        assert response, repr(self.outcome)
        return response["ResponseMetadata"]["HTTPStatusCode"], response.get("Error", {}).get("Code")


def reset(sim, service=""):
    began = time.monotonic()
    assert sim.http("POST", f"/_awssim/reset?service={service}" if service else "/_awssim/reset", "")[0] == 200
    return began


def in_flight(sim, service, count):
    """Waits until the service works on so many calls."""
    wait_until(lambda: json.loads(sim.http("GET", "/_awssim/stats")[2])["services"][service]["inFlight"] >= count,
               what=f"{count} calls of {service}")


REFUSED = 503, "ServiceUnavailableException"


@suite.test
def invocations(sim):
    functions.make_role(sim)
    lam = functions.create(sim, "sleeps", functions.archive(app__py=SLEEPS), Timeout=60)
    calls = [Waiting(lam.invoke, FunctionName="sleeps") for _ in range(3)]
    wait_until(lambda: sum("began" in m for m in functions.messages(sim, "sleeps")) >= 3, what="three invocations")
    began = reset(sim)
    assert [call.status(began) for call in calls] == [REFUSED] * 3
    assert not lam.list_functions()["Functions"]


@suite.test
def streams(sim):
    """Answers that have begun end, and not as if they were whole."""
    functions.make_role(sim)
    lam = functions.create(sim, "streams", functions.archive(index__js=STREAMS), "index.handler", "nodejs20.x", Timeout=60)
    events = lam.invoke_with_response_stream(FunctionName="streams")["EventStream"]
    assert next(iter(events))["PayloadChunk"]["Payload"] == b"began"
    rest = Waiting(lambda: {"events": list(events)})
    began = reset(sim)
    rest.thread.join(ANSWER_S)
    assert rest.at and rest.at - began < ANSWER_S
    last = rest.outcome["events"][-1]
    assert last["InvokeComplete"]["ErrorCode"] == "Runtime.ExitError", rest.outcome


@suite.test
def questions(sim):
    """A service that waits for another one, which is reset or stands still."""
    ec2 = sim.pids()["ec2"]
    ecs = sim.client("ecs")
    ecs.create_cluster(clusterName="c")
    ecs.register_task_definition(family="t", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
                                 containerDefinitions=[{"name": "a", "image": "b"}])
    network = sim.network()
    os.kill(ec2, signal.SIGSTOP)
    try:
        call = Waiting(ecs.run_task, cluster="c", taskDefinition="t", launchType="FARGATE", networkConfiguration=network)
        in_flight(sim, "ecs", 1)
        began = reset(sim, "ecs")
        assert call.status(began) == REFUSED
    finally:
        os.kill(ec2, signal.SIGCONT)


if __name__ == "__main__":
    server = Awssim().start()
    try:
        code = suite.main(server)
    finally:
        server.stop()
    sys.exit(code)
