"""Random texts: free ones, and ones that match a model's regular expression."""

import functools
import random
import re

try:
    from re import _parser as parser
except ImportError:
    import sre_parse as parser

WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
DIGITS = "0123456789"
SPACES = " \t\n\r\f\v"
CATEGORIES = {"CATEGORY_DIGIT": DIGITS, "CATEGORY_WORD": WORD, "CATEGORY_SPACE": SPACES}
# Unicode properties, as far as the models use them, as Python's classes.
PROPERTIES = {"L": "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff\u4e00-\u4eff", "Z": " \u00a0\u2003", "N": "0-9\u00b2\u00b3",
              "Alnum": "A-Za-z0-9", "Graph": "!-~", "Print": " -~", "ASCII": "\u0001-\u007f"}
FREE = WORD + " .,:;-/'\"\\&<>%+=?#[]{}()\u00e9\u00df\u6f22\u0416\u20ac\U0001f600\t\n"
CONTROLS = "\r\u0001\u001f\u007f\u0085\u2028"


def python_pattern(pattern):
    """A model's pattern for Python's re."""
    inside = re.compile(r"\[(?:\\.|[^\]\\])*\]")

    def property_in_class(match):
        return re.sub(r"\\p\{(\w+)\}", lambda m: PROPERTIES[m[1]], match[0])

    pattern = inside.sub(property_in_class, pattern)
    return re.sub(r"\\p\{(\w+)\}", lambda m: f"[{PROPERTIES[m[1]]}]", pattern)


@functools.lru_cache(None)
def compiled(pattern):
    return re.compile(python_pattern(pattern), re.ASCII)


@functools.lru_cache(None)
def tree_of(pattern):
    return parser.parse(python_pattern(pattern), re.ASCII)


def matches(pattern, text):
    return compiled(pattern).fullmatch(text) is not None


class Rng(random.Random):
    """Random numbers, and the texts made from them so far: a text that fits a pattern can take long to find."""

    POOL = 12

    def __init__(self, seed):
        super().__init__(seed)
        self.pools = {}

    def pooled(self, key, make):
        """One of the first texts that make() answered for this key; None when the first was None."""
        pool = self.pools.setdefault(key, [])
        if len(pool) < self.POOL and (not pool or pool[0] is not None):
            pool.append(make())
            return pool[-1]
        return self.choice(pool)


class Matching:
    """Makes texts from a pattern's syntax tree. Look-arounds are left to the caller's check. After `room` characters
    nothing is repeated any more that need not be: repeats within repeats grow without bounds."""

    def __init__(self, rng, pattern, extra, room):
        self.rng = rng
        self.extra = extra
        self.room = room
        self.groups = {}
        self.tree = tree_of(pattern)

    def text(self):
        return self.sequence(self.tree)

    def repeated(self, low, high, body):
        count = self.rng.randint(low, min(high, low + self.extra))
        if len(body) == 1 and str(body[0][0]) == "IN":
            count = max(low, min(count, self.room))
            self.room -= count
            return "".join(self.rng.choices(alphabet(tuple(body[0][1])), k=count))
        made = []
        while len(made) < count and (len(made) < low or self.room > 0):
            made.append(self.sequence(body))
        return "".join(made)

    def sequence(self, items):
        return "".join(self.item(str(op), argument) for op, argument in items)

    def item(self, op, argument):
        if op in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            self.room -= 1
        if op == "LITERAL":
            return chr(argument)
        if op == "NOT_LITERAL":
            return self.rng.choice([c for c in WORD if c != chr(argument)])
        if op == "ANY":
            return self.rng.choice(WORD + " -")
        if op == "IN":
            return self.rng.choice(alphabet(tuple(argument)))
        if op in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            low, high, body = argument
            return self.repeated(int(low), int(high), body)
        if op == "SUBPATTERN":
            made = self.sequence(argument[-1])
            self.groups[argument[0]] = made
            return made
        if op == "BRANCH":
            return self.sequence(self.rng.choice(argument[1]))
        if op == "GROUPREF":
            return self.groups.get(argument, "")
        if op in ("AT", "ASSERT", "ASSERT_NOT"):
            return ""
        raise NotImplementedError(op)


@functools.lru_cache(None)
def alphabet(parts):
    """Characters of a class: all of small ranges, the edges and some more of large ones."""
    negated = str(parts[0][0]) == "NEGATE"
    found = ""
    for op, argument in parts[1:] if negated else parts:
        if str(op) == "LITERAL":
            found += chr(argument)
        elif str(op) == "RANGE":
            low, high = argument
            step = max(1, (high - low) // 97)
            found += "".join(chr(c) for c in {*range(low, high + 1, step), high} if not 0xD800 <= c <= 0xDFFF)
        elif str(op) == "CATEGORY":
            name = str(argument)
            inside = CATEGORIES[name.replace("NOT_", "")]
            found += "".join(c for c in FREE if c not in inside) if "NOT_" in name else inside
    if not negated:
        return found
    excluded = compiled_class(parts[1:])
    return "".join(c for c in FREE if not excluded(c))


def compiled_class(parts):
    """Whether a character is in the class."""
    ranges = [argument if str(op) == "RANGE" else (argument, argument) for op, argument in parts if str(op) != "CATEGORY"]
    categories = "".join(CATEGORIES[str(argument)] for op, argument in parts if str(op) == "CATEGORY")
    return lambda c: c in categories or any(low <= ord(c) <= high for low, high in ranges)


def matching(rng, pattern, low, high):
    """A text of low to high characters that matches, or None when none was found."""
    return rng.pooled((pattern, low, high), lambda: found_matching(rng, pattern, low, high))


def found_matching(rng, pattern, low, high):
    for attempt in range(60):
        extra = rng.randint(0, 12) if attempt % 2 else max(1, min(low, 4096)) + rng.randint(0, 12)
        if attempt > 30:
            extra = max(extra, min(high, 4096))
        text = Matching(rng, pattern, extra, min(high, low + 4096) + 1).text()
        if len(text) > high and matches(pattern, text[:high]):
            text = text[:high]
        if low <= len(text) <= high and matches(pattern, text):
            return text
    return None


def free(rng, low, high, controls):
    alphabet = FREE + (CONTROLS if controls else "")
    length = rng.randint(low, max(low, min(high, low + 16)))
    return "".join(rng.choice(alphabet) for _ in range(length))
