"""A service's api.json for the oracle: its shapes, and the same as a botocore service model."""

import json
import pathlib

import botocore.model

ROOT = pathlib.Path(__file__).resolve().parents[2]
INTEGERS = ("integer", "long", "short", "byte", "bigInteger")
FLOATS = ("float", "double", "bigDecimal")
TEXTS = ("string", "character")
CONTAINERS = ("structure", "list", "map")


class Model:
    def __init__(self, service):
        document = json.loads((ROOT / "services" / service / "api.json").read_text(encoding="utf-8"))
        self.service = service
        self.metadata = document["metadata"]
        self.overlay = document["overlay"]
        self.shapes = document["shapes"]
        for name in self.overlay.get("openPatterns", ()):  # what the service does not check is no constraint
            self.shapes[name].pop("pattern", None)
        self.protocol = self.metadata["protocol"]
        replaced = self.overlay.get("replaced", ())
        modelled = {n: o for n, o in document["operations"].items() if o.get("modelled") and n not in replaced}
        self.streams = {n: o for n, o in modelled.items() if self.has_eventstream(o.get("output"))}
        self.operations = {n: o for n, o in modelled.items() if n not in self.streams}
        self.botocore = botocore.model.ServiceModel(self.as_botocore(document), service)

    def as_botocore(self, document):
        """api.json names shapes where a botocore model has references."""
        operations = {}
        for name, operation in document["operations"].items():
            kept = {"name": name, "http": operation["http"]}
            for part in ("input", "output"):
                if part in operation:
                    kept[part] = {"shape": operation[part]}
            if "resultWrapper" in operation:
                kept["output"]["resultWrapper"] = operation["resultWrapper"]
            kept["errors"] = [{"shape": error} for error in operation.get("errors", ())]
            operations[name] = kept
        metadata = {"protocols": [self.protocol], **self.metadata}
        return {"version": "2.0", "metadata": metadata, "operations": operations, "shapes": self.shapes}

    def has_eventstream(self, shape):
        members = self.shapes[shape].get("members", {}) if shape else {}
        return any(self.shapes[m["shape"]].get("eventstream") for m in members.values())

    @property
    def is_query(self):
        return self.protocol in ("query", "ec2")

    @property
    def is_rest(self):
        return self.protocol.startswith("rest-")

    def answer_status(self, operation):
        status = self.operations[operation]["http"].get("responseCode", 200)
        return self.overlay.get("statuses", {}).get(operation, status)

    def keeps_fractions(self, member):
        """Whether a time in that member is written with fractions of a second."""
        shape = self.shapes[member["shape"]]
        default = {"header": "rfc822", "querystring": "iso8601"}.get(member.get("location"))
        default = default or ("unixTimestamp" if "json" in self.protocol else "iso8601")
        return (member.get("timestampFormat") or shape.get("timestampFormat") or default) == "iso8601"

    def stream_shape(self, operation):
        members = self.shapes[self.streams[operation]["output"]]["members"]
        return next(m["shape"] for m in members.values() if self.shapes[m["shape"]].get("eventstream"))

    def query_name(self, shape, name):
        """What a member is called in a query form."""
        member = self.shapes[shape]["members"][name]
        wire = member.get("locationName", name)
        if self.protocol == "ec2":
            return member.get("queryName") or (wire[:1].upper() + wire[1:] if "locationName" in member else name)
        return wire

    def kind(self, shape):
        """The shape's type, "document" for free-form ones."""
        return "document" if self.shapes[shape].get("document") else self.shapes[shape]["type"]

    def members(self, shape):
        """Member name → shape of a structure."""
        return {n: m["shape"] for n, m in self.shapes[shape].get("members", {}).items()}

    def error_shapes(self):
        return sorted(n for n, s in self.shapes.items() if s.get("exception") or s.get("error"))

    def status_of(self, error):
        """The status of an error shape."""
        shape = self.shapes[error]
        return shape.get("error", {}).get("httpStatusCode", 500 if shape.get("fault") else 400)

    def code_of(self, error):
        return self.shapes[error].get("error", {}).get("code", error)

    def overlay_errors(self):
        """Code → status of the errors that are in no model."""
        found = dict(self.overlay["errors"])
        found.update({code: status for code, status in self.overlay["common"].values()})
        return found

    def validation_error(self):
        """(code, status) of what violated constraints become."""
        error = self.overlay["validation"]["error"]
        if error in self.shapes:
            return self.code_of(error), self.status_of(error)
        return error, self.overlay_errors().get(error, 400)
