#!/usr/bin/env python3
"""Makes AWS's managed policies into C: policies.py aws_policies.json OUT.c defines aws_policy_table, sorted by name."""

import json
import pathlib
import sys


def literal(text):
    lines = text.replace("\\", "\\\\").replace('"', '\\"').splitlines(keepends=True)
    return "\n     ".join('"' + line.replace("\n", "\\n") + '"' for line in lines) or '""'


def row(policy):
    document = json.dumps({"Version": "2012-10-17", "Statement": policy["statement"]}, indent=4)
    fields = [policy.get("path", "/"), policy["name"], policy["version"], policy["created"], policy["updated"],
              policy["description"], document]
    return "    {" + ",\n     ".join(literal(field) for field in fields) + "},\n"


def main():
    source, out = sys.argv[1:]
    policies = json.loads(pathlib.Path(source).read_text(encoding="utf-8"))
    rows = "".join(row(policy) for policy in sorted(policies, key=lambda policy: policy["name"]))
    pathlib.Path(out).write_text(
        "/* AWS's managed policies, generated. */\n#include \"services/iam/iam.h\"\n\n"
        "extern const struct aws_policy aws_policy_table[];\nextern const size_t aws_policy_count;\n"
        f"const struct aws_policy aws_policy_table[] = {{\n{rows}}};\n"
        f"const size_t aws_policy_count = {len(policies)};\n", encoding="utf-8")


main()
