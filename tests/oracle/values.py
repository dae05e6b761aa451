"""Random valid values of shapes, as botocore takes them, and what they are in other forms."""

import base64
import datetime
import re

import texts
from model import FLOATS, INTEGERS, TEXTS

DEEPEST = 6


class Values:
    """how: "all" members, only the "required" ones, or "some"."""

    def __init__(self, model, rng, how="some", controls=False):
        self.model = model
        self.rng = rng
        self.how = how
        self.controls = controls

    def value(self, shape, stack=()):
        kind = self.model.kind(shape)
        constraint = self.model.shapes[shape]
        if kind == "structure":
            return self.structure(shape, stack)
        if kind in ("list", "map"):
            return self.entries(kind, shape, stack)
        if kind == "document":
            return {"text": self.text({}), "list": [1, 2.5, True, None, {"deep": []}], "nothing": None}
        if kind in TEXTS:
            return self.text(constraint)
        if kind in INTEGERS:
            bound = 2**63 - 1 if kind in ("long", "bigInteger") else 2**31 - 1
            low, high = constraint.get("min", -bound - 1), constraint.get("max", bound)
            return self.rng.choice([low, high, self.rng.randint(low, high), max(low, min(high, 0))])
        if kind in FLOATS:
            low, high = constraint.get("min", -1e6), constraint.get("max", 1e6)
            return self.rng.choice([float(low), float(high), round(self.rng.uniform(low, high), 4), self.rng.uniform(low, high)])
        if kind == "boolean":
            return self.rng.random() < 0.5
        if kind == "timestamp":
            seconds = self.rng.choice([0, self.rng.randint(0, 4102444800)])
            return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc) + datetime.timedelta(
                milliseconds=self.rng.choice([0, self.rng.randint(0, 999)]))
        if kind == "blob":
            low = int(constraint.get("min", 0))
            return self.rng.randbytes(self.rng.randint(low, min(low + 40, int(constraint.get("max", low + 40)))))
        raise NotImplementedError(kind)

    def text(self, constraint):
        if "enum" in constraint:
            return self.rng.choice(constraint["enum"])
        low, high = int(constraint.get("min", 0)), int(constraint.get("max", 1 << 20))
        if "pattern" not in constraint:
            return texts.free(self.rng, low, high, self.controls)
        made = texts.matching(self.rng, constraint["pattern"], low, high)
        assert made is not None, f"no text for pattern {constraint['pattern']} of {low} to {high} characters"
        return made

    def structure(self, shape, stack):
        required = self.model.shapes[shape].get("required", ())
        members = self.model.members(shape)
        names = [n for n in members if n in required or self.wanted(members[n], stack)]
        if self.model.shapes[shape].get("union"):
            names = [self.rng.choice(list(members))]
        return {n: self.located(shape, n, members[n], stack + (shape,)) for n in names}

    def located(self, owner, name, shape, stack):
        """A member's value, fit for where HTTP carries it."""
        location = self.model.shapes[owner]["members"][name].get("location")
        if location == "statusCode":
            return self.rng.choice([200, 201, 202])
        value = self.value(shape, stack)
        if location in ("header", "headers", "uri") and stack == (owner,):
            return self.plain(location, value)
        return value

    def plain(self, location, value):
        """Without what headers cannot carry: spaces at the ends, controls, other alphabets, commas in lists, fractions of
        seconds; labels are not empty."""
        if isinstance(value, datetime.datetime):
            return value.replace(microsecond=0)
        if isinstance(value, dict):
            return {re.sub("[^a-z0-9-]", "", k.lower()) or "k": self.plain(location, v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.plain(location, v).replace(",", "") or "v" if isinstance(v, str) else v for v in value]
        if not isinstance(value, str) or (location == "uri" and value):
            return value
        return re.sub("[^!-~ ]", "", value).strip() or "v"

    def wanted(self, shape, stack):
        if self.how == "required" or shape in stack or len(stack) > DEEPEST:
            return False
        return self.how == "all" or self.rng.random() < 0.5

    def entries(self, kind, shape, stack):
        description = self.model.shapes[shape]
        low, high = int(description.get("min", 0)), int(description.get("max", 1 << 20))
        if kind == "list":
            element = description["member"]["shape"]
            least = 1 if self.how == "all" and element not in stack else 0
            if element in stack:
                high = low
            count = self.rng.randint(max(low, min(least, high)), min(high, max(low, least) + 2))
            return [self.value(element, stack + (shape,)) for _ in range(count)]
        made = {}
        count = self.rng.randint(low, min(high, low + 3))
        for _ in range(100):
            if len(made) >= count:
                break
            key = self.value(description["key"]["shape"], stack + (shape,))
            made[key] = self.value(description["value"]["shape"], stack + (shape,))
        return made


def json_form(model, shape, value, sent=False):
    """The value as api_to_json writes it, as a tree; sent: after botocore has written it."""
    return json_form_of(model, {"shape": shape}, value, sent)


def json_form_of(model, member, value, sent):
    kind, description = model.kind(member["shape"]), model.shapes[member["shape"]]
    if kind == "structure":
        return {n: json_form_of(model, description["members"][n], v, sent) for n, v in value.items()}
    if kind == "list":
        return [json_form_of(model, description["member"], v, sent) for v in value]
    if kind == "map":
        return {k: json_form_of(model, description["value"], v, sent) for k, v in value.items()}
    if kind == "blob":
        return base64.b64encode(value).decode()
    if kind == "timestamp":
        ms = round(value.timestamp() * 1000)
        return ms // 1000 if (sent and not model.keeps_fractions(member)) or ms % 1000 == 0 else ms / 1000
    return value


def in_rest(model, shape, value):
    """What is left of an input whose empty lists in headers and query strings, flattened empty lists and empty payloads
    leave no trace."""
    kind = model.kind(shape)
    if kind == "list":
        return [in_rest(model, model.shapes[shape]["member"]["shape"], v) for v in value]
    if kind == "map":
        return {k: in_rest(model, model.shapes[shape]["value"]["shape"], v) for k, v in value.items()}
    if kind != "structure":
        return value
    kept = {}
    for name, inner in value.items():
        member = model.shapes[shape]["members"][name]
        elsewhere = "location" in member or model.shapes[shape].get("payload") == name
        flat = member.get("flattened") or model.shapes[member["shape"]].get("flattened")
        raw = model.kind(member["shape"]) in ("list", "map", "blob", "string")
        raw = raw and not (member.get("location") == "querystring" and inner == "")
        if (elsewhere or (flat and model.protocol == "rest-xml")) and raw and len(inner) == 0 and member.get("location") != "header":
            continue
        if member.get("location") == "header" and inner == []:
            continue
        kept[name] = in_rest(model, member["shape"], inner)
    return kept


def in_query(model, value):
    """What is left of an input in the query protocols, which have no words for empty structures and maps, EC2's none for
    empty lists: (value, whether anything is left)."""
    if isinstance(value, dict):
        kept = {k: in_query(model, v) for k, v in value.items()}
        kept = {k: v for k, (v, there) in kept.items() if there}
        return kept, bool(kept)
    if isinstance(value, list) and (value or model.protocol == "ec2"):
        kept = [v for v, there in (in_query(model, v) for v in value) if there]
        return kept, bool(kept)
    return value, True


def difference(expected, actual, path=""):
    """The first difference of two trees in words, or None."""
    if isinstance(expected, datetime.datetime) and isinstance(actual, datetime.datetime):
        same = abs((expected - actual).total_seconds()) < 0.0005
        return None if same else f"{path}: {expected} became {actual}"
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in [*expected, *(k for k in actual if k not in expected)]:
            if key not in actual:
                return f"{path}.{key} is missing, {expected[key]!r}"
            if key not in expected:
                return f"{path}.{key} is too much, {actual[key]!r}"
            found = difference(expected[key], actual[key], f"{path}.{key}")
            if found:
                return found
        return None
    if isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            return f"{path}: {len(expected)} elements became {len(actual)}: {expected!r} {actual!r}"
        for i, (a, b) in enumerate(zip(expected, actual)):
            found = difference(a, b, f"{path}[{i}]")
            if found:
                return found
        return None
    same_kind = isinstance(expected, bool) == isinstance(actual, bool)
    return None if expected == actual and same_kind else f"{path}: {expected!r} became {actual!r}"
