"""Inputs that violate one constraint each, and AWS's words for it."""

import texts
from model import CONTAINERS, FLOATS, INTEGERS, TEXTS
from values import Values

LONGEST = 70000
MOST = 300


def bound(number):
    """A limit as AWS prints it: without a fraction, of decimals too."""
    return int(number) if number == int(number) else number


def lower_first(name):
    return name[:1].lower() + name[1:]


class Violations:
    def __init__(self, model, rng):
        self.model = model
        self.rng = rng
        self.valid = Values(model, rng, "required")
        self.style = model.overlay["validation"]["style"]
        self.show_values = self.style != "no-value"

    # What AWS says.

    def size_words(self, kind, value, constraint):
        number = kind in INTEGERS + FLOATS
        size = value if number else len(value)
        word = "value" if number else "length"
        out = []
        if size > constraint.get("max", size):
            out.append(f"Member must have {word} less than or equal to {bound(constraint['max'])}")
        if size < constraint.get("min", size):
            out.append(f"Member must have {word} greater than or equal to {bound(constraint['min'])}")
        return out

    def enum_words(self, constraint):
        return "Member must satisfy enum value set" + (f": [{', '.join(constraint['enum'])}]" if self.show_values else "")

    def broken(self, shape, value):
        """The shape's own constraints that the value breaks, in words."""
        constraint = self.model.shapes[shape]
        kind = self.model.kind(shape)
        if kind in ("structure", "boolean", "timestamp", "document"):
            return []
        out = self.size_words(kind, value, constraint)
        if kind in TEXTS:
            if "pattern" in constraint and not texts.matches(constraint["pattern"], value):
                out.append(f"Member must satisfy regular expression pattern: {constraint['pattern']}")
            if "enum" in constraint and shape not in self.model.overlay["openEnums"] and value not in constraint["enum"]:
                out.append(self.enum_words(constraint))
        return out

    def all_words(self, shape):
        """Every constraint of a list's element or a map's key or value."""
        constraint = self.model.shapes[shape]
        word = "value" if self.model.kind(shape) in INTEGERS + FLOATS else "length"
        out = []
        if "max" in constraint:
            out.append(f"Member must have {word} less than or equal to {bound(constraint['max'])}")
        if "min" in constraint:
            out.append(f"Member must have {word} greater than or equal to {bound(constraint['min'])}")
        if "pattern" in constraint:
            out.append(f"Member must satisfy regular expression pattern: {constraint['pattern']}")
        if "enum" in constraint:
            out.append(self.enum_words(constraint))
        return ", ".join([*out, "Member must not be null"])

    def printed(self, shape, value):
        kind = self.model.kind(shape)
        if self.model.shapes[shape].get("sensitive"):
            return "***"
        if kind == "structure":
            members = self.model.members(shape)
            inside = (f"{lower_first(n)}={self.printed(s, value[n]) if n in value else 'null'}" for n, s in members.items())
            return f"{shape}({', '.join(inside)})"
        if kind == "list":
            return "[" + ", ".join(self.printed(self.model.shapes[shape]["member"]["shape"], v) for v in value) + "]"
        if kind == "map":
            element = self.model.shapes[shape]["value"]["shape"]
            return "{" + ", ".join(f"{k}={self.printed(element, v)}" for k, v in value.items()) + "}"
        if kind == "boolean":
            return "true" if value else "false"
        return str(value)

    def message(self, violations):
        """The whole text of an answer to these."""
        if self.style in ("constraint", "parameter"):
            return violations[0]
        return f"{len(violations)} validation error{'s' if len(violations) != 1 else ''} detected: {'; '.join(violations)}"

    def text_ecr(self, path, words):
        pattern = "Member must satisfy regular expression pattern: "
        words = f"must satisfy regular expression '{words[len(pattern):]}'" if words.startswith(pattern) else words.removeprefix("Member ")
        return f"Invalid parameter at '{path}' failed to satisfy constraint: '{words}'"

    def text_ec2(self, path, shape, value, words):
        sensitive = self.model.shapes[shape].get("sensitive")
        if value is None and not sensitive:
            return f"The request must contain the parameter {path}"
        return f"Value ({'' if sensitive else self.printed(shape, value)}) for parameter {path} is invalid. {words}"

    def text(self, path, shape, value, words):
        """One violation as AWS writes it."""
        if self.style == "constraint":
            return self.text_ecr(path, words)
        if self.style == "parameter":
            return self.text_ec2(path, shape, value, words)
        if value is None:
            where = f"Value null at '{path}'" if not self.model.shapes[shape].get("sensitive") else f"Value at '{path}'"
        elif self.model.shapes[shape].get("sensitive") or not self.show_values:
            where = f"Value at '{path}'"
        else:
            where = f"Value '{self.printed(shape, value)}' at '{path}'"
        return f"{where} failed to satisfy constraint: {words}"

    # The inputs: (value, the violations' texts).

    def of_input(self, shape):
        yield from self.of_structure(shape, "", ())

    def of_structure(self, shape, path, stack):
        if shape in stack or len(stack) > 8:
            return
        members = self.model.members(shape)
        base = self.valid.value(shape)
        for name, member in members.items():
            at = f"{path}.{lower_first(name)}" if path else lower_first(name)
            if name in self.model.shapes[shape].get("required", ()):
                yield {n: v for n, v in base.items() if n != name}, [self.text(at, member, None, "Member must not be null")]
            if self.model.shapes[shape].get("union"):
                base = {}
            for value, words in self.of_place(member, at, stack + (shape,)):
                yield {**base, name: value}, words

    def of_place(self, shape, path, stack):
        for value in self.bad(shape, stack):
            words = self.broken(shape, value)
            if words:
                yield value, [self.text(path, shape, value, w) for w in words]
        kind = self.model.kind(shape)
        if kind == "structure":
            yield from self.of_structure(shape, path, stack)
        elif kind == "list":
            yield from self.of_list(shape, path, stack)
        elif kind == "map":
            yield from self.of_map(shape, path, stack)

    def of_list(self, shape, path, stack):
        element = self.model.shapes[shape]["member"]["shape"]
        fill = [self.valid.value(element) for _ in range(max(0, int(self.model.shapes[shape].get("min", 0)) - 1))]
        if self.model.kind(element) in CONTAINERS:
            for value, words in self.of_place(element, f"{path}.1.member", stack):
                yield [value, *fill], words
            return
        for value in self.bad(element, stack):
            if self.broken(element, value):
                whole = [value, *fill]
                yield whole, [self.text(path, shape, whole, f"Member must satisfy constraint: [{self.all_words(element)}]")]

    def of_map(self, shape, path, stack):
        key, element = (self.model.shapes[shape][part]["shape"] for part in ("key", "value"))
        good = self.valid.value(key)
        fill = {}
        while len(fill) < int(self.model.shapes[shape].get("min", 0)) - 1:
            other = Values(self.model, self.rng).value(key)
            if other != good:
                fill[other] = self.valid.value(element)
        for bad in self.bad(key, stack):
            if self.broken(key, bad):
                whole = {bad: self.valid.value(element), **fill}
                yield whole, [self.text(path, shape, whole, f"Map keys must satisfy constraint: [{self.all_words(key)}]")]
        if self.model.kind(element) in CONTAINERS:
            for value, words in self.of_place(element, f"{path}.{good}.member", stack):
                yield {good: value, **fill}, words
            return
        for bad in self.bad(element, stack):
            if self.broken(element, bad):
                whole = {good: bad, **fill}
                yield whole, [self.text(path, shape, whole, f"Map value must satisfy constraint: [{self.all_words(element)}]")]

    def bad(self, shape, stack):
        """Values that break one of the shape's own constraints each; some may turn out not to."""
        constraint = self.model.shapes[shape]
        kind = self.model.kind(shape)
        low, high = constraint.get("min"), constraint.get("max")
        if kind in INTEGERS:
            edge = 2**63 if kind in ("long", "bigInteger") else 2**31
            return [n for n in ([high + 1] if high is not None else []) + ([low - 1] if low is not None else []) if -edge <= n < edge]
        if kind in FLOATS:
            return ([high + 1.5] if high is not None else []) + ([low - 1.5] if low is not None else [])
        if kind in TEXTS:
            return self.bad_texts(constraint)
        if kind == "list":
            element = constraint["member"]["shape"]
            sizes = [n for n in ((high or MOST) + 1, (low or 0) - 1) if 0 <= n <= MOST] if element not in stack else []
            return [[self.valid.value(element) for _ in range(n)] for n in sizes]
        if kind == "map" and high is not None and high < MOST:
            made = {}
            for _ in range(20 * (high + 1)):
                key = Values(self.model, self.rng).value(constraint["key"]["shape"])
                made[key] = made.get(key) or self.valid.value(constraint["value"]["shape"])
                if len(made) > high:
                    return [made]
            return []
        if kind == "blob":
            return [b"x" * (high + 1)] if high is not None and high < LONGEST else []
        return []

    def bad_texts(self, constraint):
        if "enum" in constraint:
            return ["no-such-word", ""]
        out = []
        low, high, pattern = int(constraint.get("min", 0)), int(constraint.get("max", LONGEST)), constraint.get("pattern")
        for size in (high + 1, low - 1):
            if 0 <= size <= LONGEST:
                fitting = texts.matching(self.rng, pattern, size, size) if pattern and size < 5000 else None
                out.append(fitting if fitting is not None else "a" * size)
        if pattern:
            # Controls last: XML replies cannot show them.
            for char in " !:$*\u00e9\U0001f600\u0001":
                text = (char + "a" * low)[:max(low, 1)]
                if not texts.matches(pattern, text) and len(text) <= high:
                    out.append(text)
                    break
        return out
