#!/usr/bin/env python3
"""Nothing that a task definition or RunTask accepts is silently without effect: services/ecs/members.txt names for each member
of the API's inputs, and for each option of awslogs, the test that shows its effect, or the words of docs/differences.md."""

import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import ROOT, Suite  # noqa: E402

suite = Suite()
API = json.loads((ROOT / "services/ecs/api.json").read_text(encoding="utf-8"))
DIFFERENCES = re.search(r"\n## ECS tasks\n.*?(?=\n## )", (ROOT / "docs/differences.md").read_text(encoding="utf-8"), re.DOTALL)[0]
OPTIONS = ("awslogs-create-group", "awslogs-datetime-format", "awslogs-group", "awslogs-multiline-pattern", "awslogs-region",
           "awslogs-stream-prefix", "max-buffer-size", "mode")


def leaves(shape, path, above=()):
    """The paths of all members of a structure that hold no structure."""
    kind = API["shapes"][shape]
    if kind["type"] == "list":
        return leaves(kind["member"]["shape"], path, above)
    if kind["type"] != "structure" or shape in above or not kind.get("members"):
        return [path]
    return [leaf for name, member in kind["members"].items() for leaf in leaves(member["shape"], f"{path}.{name}", (*above, shape))]


def members():
    found = [leaf for name in ("RunTask", "RegisterTaskDefinition") for leaf in leaves(API["operations"][name]["input"], name)]
    found = [re.sub(r"^RegisterTaskDefinition\.(?=containerDefinitions)", "", path) for path in found]
    found.remove("containerDefinitions.logConfiguration.options")
    return found + [f"awslogs.{option}" for option in OPTIONS]


def table():
    """Member → (acts or listed, where)."""
    lines = [line.split(None, 2) for line in (ROOT / "services/ecs/members.txt").read_text(encoding="utf-8").splitlines()
             if line and not line.startswith("#")]
    assert len({line[0] for line in lines}) == len(lines), "a member has two lines"
    return {member: (kind, where) for member, kind, where in lines}


def holders(path):
    """The path and those that hold it."""
    words = path.split(".")
    return {".".join(words[:n]) for n in range(1, len(words) + 1)}


@suite.test
def every_member_has_a_line():
    lines = table()
    paths = members()
    missing = [path for path in paths if not holders(path) & lines.keys()]
    assert not missing, f"neither with a test nor listed: {missing}"
    known = set().union(*map(holders, paths))
    unknown = [member for member in lines if member not in known]
    assert not unknown, f"no member of the API: {unknown}"


@suite.test
def what_acts_is_tested():
    wrong = []
    for member, (kind, where) in table().items():
        if kind == "acts":
            name, _, test = where.partition(":")
            text, word = (ROOT / name).read_text(encoding="utf-8"), member.rpartition(".")[2]
            wrong += [f"{member}: there is no test {where}"] * (not re.search(rf"^(static void|def) {test}\(", text, re.MULTILINE))
            wrong += [f"{member}: {name} never says {word}"] * (not re.search(rf"\b{re.escape(word)}\b", text))
    assert not wrong, "\n".join(wrong)


@suite.test
def what_does_not_act_is_listed():
    for member, (kind, where) in table().items():
        assert kind in ("acts", "listed"), f"{member}: {kind}"
        assert kind == "acts" or where in DIFFERENCES, f"{member}: the section on tasks in docs/differences.md never says {where}"


if __name__ == "__main__":
    sys.exit(suite.main())
