#!/usr/bin/env python3
"""Makes C out of api.json files, at build time.

usage: apigen.py service api.json NAME OUT.h OUT.c     one service's structures and tables (proto/api.h)
       apigen.py tables api.json NAME OUT.h OUT.c      the same without handlers, for tests of the codecs
       apigen.py client api.json NAME OUT.h OUT.c OPERATION…
                                                        those operations only, for a service that asks this one
       apigen.py routes OUT.c api.json…                 what the router knows of all services (proto/routes.h)
"""

import json
import pathlib
import re
import sys

RESERVED = set("""auto break case char const continue default do double else enum extern float for goto if inline int long
register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while bool true false
linux unix asm typeof""".split())

SCALARS = {"string": ("API_STRING", "slice"), "character": ("API_STRING", "slice"), "blob": ("API_BLOB", "slice"),
           "boolean": ("API_BOOLEAN", "struct opt_bool"), "integer": ("API_INTEGER", "struct opt_int"),
           "short": ("API_INTEGER", "struct opt_int"), "byte": ("API_INTEGER", "struct opt_int"),
           "long": ("API_LONG", "struct opt_int"), "bigInteger": ("API_LONG", "struct opt_int"),
           "float": ("API_FLOAT", "struct opt_double"), "double": ("API_DOUBLE", "struct opt_double"),
           "bigDecimal": ("API_DOUBLE", "struct opt_double"), "timestamp": ("API_TIMESTAMP", "struct opt_int")}
PROTOCOLS = {"json": "API_AWSJSON", "query": "API_QUERY", "ec2": "API_EC2QUERY", "rest-json": "API_RESTJSON",
             "rest-xml": "API_RESTXML"}
LOCATIONS = {"uri": "API_URI", "querystring": "API_QUERYSTRING", "header": "API_HEADER", "headers": "API_HEADERS",
             "statusCode": "API_STATUS"}
TIMES = {"unixTimestamp": "API_TIME_EPOCH", "iso8601": "API_TIME_ISO8601", "rfc822": "API_TIME_RFC1123"}
STYLES = {"full": "API_STYLE_FULL", "no-value": "API_STYLE_NO_VALUE", "constraint": "API_STYLE_CONSTRAINT",
          "parameter": "API_STYLE_PARAMETER"}
# Operations that go on when the disk is full begin so; the overlay's onFullDisk adds to them.
MAKES_ROOM = ("Abort", "BatchDelete", "Cancel", "Delete", "Deregister", "Detach", "Disable", "Disassociate", "Release", "Remove", "Revoke",
              "Stop", "Terminate", "Unassign", "Untag")
TARGET_ALIASES = {"ecr": "AmazonEC2ContainerRegistry"}


def snake(name):
    name = re.sub(r"[^A-Za-z0-9]+", "_", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
    return name + "_" if name in RESERVED else name


def quoted(text):
    out = ""
    for byte in text.encode():
        if byte in (0x22, 0x5C):
            out += "\\" + chr(byte)
        elif 0x20 <= byte < 0x7F and byte != 0x3F:
            out += chr(byte)
        else:
            out += f"\\{byte:03o}"
    return f'"{out}"'


def slice_of(text):
    return f"S({quoted(text)})" if text is not None else "{NULL, 0}"


class Service:
    def __init__(self, name, document):
        self.name = name
        self.metadata = document["metadata"]
        self.overlay = document["overlay"]
        replaced = self.overlay.get("replaced", ())  # requests cannot tell these from their successors
        self.operations = {n: o for n, o in document["operations"].items() if n not in replaced}
        self.shapes = document["shapes"]
        self.constraints = []
        self.enums = []
        self.tags = self.structure_tags()

    # Names in C.

    def structure_tags(self):
        """Structure shape → C tag. The input or output of one operation has the operation's name."""
        uses = {}
        for name, operation in self.operations.items():
            for part, suffix in (("input", "in"), ("output", "out")):
                if part in operation:
                    uses.setdefault(operation[part], []).append(f"{snake(name)}_{suffix}")
        nested = {member["shape"] for shape in self.shapes.values()
                  for member in [*shape.get("members", {}).values(), *(shape[p] for p in ("member", "key", "value") if p in shape)]}
        tags = {}
        for shape, kind in self.shapes.items():
            if kind["type"] == "structure":
                only = uses.get(shape, []) if shape not in nested else []
                tags[shape] = f"{self.name}_{only[0] if len(only) == 1 else snake(shape)}"
        return tags

    def tag(self, shape):
        return self.tags.get(shape) or f"{self.name}_{snake(shape)}"

    def entry_tag(self, shape):
        """The C tag of a map's entries; some models have a structure of that name."""
        tag = f"{self.tag(shape)}_entry"
        return f"{self.tag(shape)}_pair" if tag in self.tags.values() else tag

    def is_document(self, shape):
        return self.shapes[shape].get("document", False)

    def value_type(self, shape):
        """The C type of a list element or map value."""
        kind = self.shapes[shape]["type"]
        if kind == "structure":
            return "const struct val *" if self.is_document(shape) else f"struct {self.tag(shape)}"
        return SCALARS[kind][1] if kind in SCALARS else f"struct {self.tag(shape)}"

    def member_type(self, shape):
        kind = self.shapes[shape]["type"]
        if kind == "structure" and not self.is_document(shape):
            return f"struct {self.tag(shape)} *"
        return self.value_type(shape)

    def error_name(self, shape):
        """Without the suffix Exception, unless the overlay has an error of that short name."""
        short = shape.removesuffix("Exception")
        overlay = [*self.overlay["errors"], *(code for code, _ in self.overlay["common"].values())]
        return f"{self.name}_{snake(shape if short in overlay else short)}"

    def errors(self):
        """(C name, shape or None, code, status, fault) of all errors, modelled, overlay and common."""
        found = {}
        for shape, kind in self.shapes.items():
            if kind.get("exception") or kind.get("error"):
                error = kind.get("error", {})
                fault = kind.get("fault", False)
                status = error.get("httpStatusCode", 500 if fault else 400)
                found[self.error_name(shape)] = (shape, error.get("code", shape), status, fault)
        for code, status in self.overlay["errors"].items():
            found.setdefault(self.error_name(code.replace(".", "")), (None, code, status, status >= 500))
        for code, status in self.overlay["common"].values():
            found.setdefault(self.error_name(code), (None, code, status, status >= 500))
        error = self.overlay["validation"]["error"]
        found.setdefault(self.error_name(error), (None, error, 400, False))
        return sorted(found.items())

    def goes_on_when_full(self, name):
        """What makes room, or needs none although it is no read."""
        return name.startswith((*MAKES_ROOM, *self.overlay.get("onFullDisk", ())))

    def is_readonly(self, name):
        if self.operations[name].get("readonly"):
            return True
        return any(name.startswith(prefix) for prefix in self.overlay["readonly"])

    # The header.

    def header(self):
        out = [f"/* {self.name}: AWS's API as C, generated from services/{self.name}/api.json. */", "#pragma once", "",
               '#include "common/opt.h"', '#include "proto/api.h"', "", "struct val;", "struct call;", ""]
        structures = [s for s, k in self.shapes.items() if k["type"] == "structure" and not self.is_document(s)]
        out += [f"struct {self.tag(s)};" for s in structures]
        for shape, kind in self.shapes.items():
            if kind["type"] == "list":
                out.append(f"struct {self.tag(shape)} {{ {self.value_type(kind['member']['shape'])} *items; size_t len; "
                           "bool set; };".replace("* *", "**"))
            elif kind["type"] == "map":
                out.append(f"struct {self.entry_tag(shape)};")
                out.append(f"struct {self.tag(shape)} {{ struct {self.entry_tag(shape)} *items; size_t len; bool set; }};")
        for shape in structures:
            members = [f"    {self.member_type(m['shape'])} {snake(n)};".replace("* ", "*")
                       for n, m in self.shapes[shape].get("members", {}).items()]
            out += [f"struct {self.tag(shape)} {{", *(members or ["    char unused;"]), "};"]
        for shape, kind in self.shapes.items():
            if kind["type"] == "map":
                out.append(f"struct {self.entry_tag(shape)} {{ slice key; {self.value_type(kind['value']['shape'])} value; }};")
        out += self.operation_declarations()
        out += [f"extern const struct api_error {name};" for name, _ in self.errors()]
        out += [f"extern const struct api_shape {self.name}_shape_{snake(s)};" for s in structures]
        out += [f"extern const struct api_operation {self.name}_op_{snake(n)};" for n in self.modelled()]
        out += [f"extern const struct api_service {self.name}_api;", ""]
        return "\n".join(out)

    def modelled(self):
        return [n for n in sorted(self.operations) if self.operations[n].get("modelled")]

    def operation_declarations(self):
        out = []
        for name in self.modelled():
            operation = self.operations[name]
            for part, suffix in (("input", "in"), ("output", "out")):
                alias = f"{self.name}_{snake(name)}_{suffix}"
                if part not in operation:
                    out.append(f"struct {alias} {{ char unused; }};")
                elif self.tag(operation[part]) != alias:
                    out.append(f"#define {alias} {self.tag(operation[part])}")
        for name in self.handled():
            f = f"{self.name}_{snake(name)}"
            out.append(f"int {f}(struct call *c, const struct {f}_in *in, struct {f}_out *out);")
        return out

    def handled(self):
        return [n for n in sorted(self.operations) if self.operations[n].get("handler")]

    def drop_handlers(self):
        for operation in self.operations.values():
            operation.pop("handler", None)

    def keep_only(self, names):
        """Drops all other operations, and the shapes that then nothing reaches."""
        unknown = [n for n in names if not self.operations.get(n, {}).get("modelled")]
        if unknown:
            sys.exit(f"{self.name} has no model of {', '.join(unknown)}")
        self.operations = {n: self.operations[n] for n in names}
        reached, todo = set(), [o[p] for o in self.operations.values() for p in ("input", "output") if p in o]
        todo += [e for o in self.operations.values() for e in o.get("errors", ()) if e in self.shapes]
        while todo:
            shape = todo.pop()
            if shape not in reached:
                reached.add(shape)
                kind = self.shapes[shape]
                todo += [m["shape"] for m in kind.get("members", {}).values()]
                todo += [kind[p]["shape"] for p in ("member", "key", "value") if p in kind]
        self.shapes = {n: k for n, k in self.shapes.items() if n in reached}

    # The tables.

    def constraint(self, shape):
        """An expression for the shape's constraint."""
        kind = self.shapes[shape]
        pattern = None if shape in self.overlay.get("openPatterns", ()) else kind.get("pattern")
        key = (kind.get("min"), kind.get("max"), pattern, tuple(kind.get("enum", ())), shape in self.overlay["openEnums"])
        if key[:4] == (None, None, None, ()):
            return "NULL"
        if key not in self.constraints:
            self.constraints.append(key)
        return f"&constraints[{self.constraints.index(key)}]"

    def constraint_tables(self):
        out = []
        for i, (_, _, _, words, _) in enumerate(self.constraints):
            if words:
                out.append(f"static const slice enum_{i}[] = {{{', '.join(slice_of(w) for w in words)}}};")
        out.append("static const struct api_constraint constraints[] = {")
        for i, (low, high, pattern, words, is_open) in enumerate(self.constraints):
            enums = f"enum_{i}" if words else "NULL"
            pattern = slice_of(pattern)
            number = {None: ("INT64_MIN", "INT64_MAX")}
            low = number[None][0] if low is None else f"INT64_C({int(low)})"
            high = number[None][1] if high is None else f"INT64_C({int(high)})"
            out.append(f"    {{{low}, {high}, {pattern}, {enums}, {len(words)}, {str(is_open).lower()}, {i}}},")
        return out + ["    {0}", "};"]

    def member_flags(self, owner, name, member):
        shape = self.shapes[member["shape"]]
        flags = []
        if name in self.shapes[owner].get("required", ()):
            flags.append("API_REQUIRED")
        if member.get("flattened"):
            flags.append("API_MEMBER_FLATTENED")
        if self.shapes[owner].get("payload") == name:
            flags.append("API_PAYLOAD")
        for key, flag in (("streaming", "API_MEMBER_STREAMING"), ("idempotencyToken", "API_IDEMPOTENCY_TOKEN"),
                          ("xmlAttribute", "API_XML_ATTRIBUTE"), ("hostLabel", "API_HOST_LABEL"),
                          ("eventpayload", "API_EVENT_PAYLOAD"), ("eventheader", "API_EVENT_HEADER")):
            if member.get(key) or (key == "streaming" and shape.get("streaming")):
                flags.append(flag)
        if f"{owner}.{name}" in self.overlay["omitEmpty"]:
            flags.append("API_OMIT_EMPTY")
        return " | ".join(flags) or "0"

    def member_row(self, owner, name, member, offset):
        shape = self.shapes[member["shape"]]
        wire = member.get("locationName", name)
        query = None
        if self.metadata["protocol"] == "ec2":
            query = member.get("queryName")
            if query is None:
                query = wire[:1].upper() + wire[1:] if "locationName" in member else name
        time = TIMES.get(member.get("timestampFormat") or shape.get("timestampFormat"), "API_TIME_DEFAULT")
        xmlns = member.get("xmlNamespace") or shape.get("xmlNamespace")
        if isinstance(xmlns, dict):
            xmlns = (f"{xmlns['prefix']}=" if "prefix" in xmlns else "") + xmlns["uri"]
        location = LOCATIONS.get(member.get("location"), "API_BODY")
        flags = self.member_flags(owner, name, member) if owner else ("API_MEMBER_FLATTENED" if member.get("flattened") else "0")
        return (f"    {{{slice_of(name)}, {slice_of(wire)}, {slice_of(query)}, &{self.shape_name(member['shape'])}, {offset}, "
                f"{flags}, {location}, {time}, {slice_of(xmlns)}}},")

    def shape_name(self, shape):
        if self.shapes[shape]["type"] == "structure" and not self.is_document(shape):
            return f"{self.name}_shape_{snake(shape)}"
        return f"shape_{shape}"

    def shape_flags(self, kind):
        flags = [flag for key, flag in (("union", "API_UNION"), ("flattened", "API_FLATTENED"), ("sensitive", "API_SENSITIVE"),
                                        ("eventstream", "API_EVENTSTREAM"), ("event", "API_EVENT"), ("streaming", "API_STREAMING"))
                 if kind.get(key)]
        return " | ".join(flags) or "0"

    def shape_table(self, shape):
        kind = self.shapes[shape]
        name, c, flags = self.shape_name(shape), self.constraint(shape), self.shape_flags(kind)
        static = "" if name.startswith(f"{self.name}_shape_") else "static "
        if self.is_document(shape):
            return [f"static const struct api_shape {name} = {{{slice_of(shape)}, API_DOCUMENT, {flags}, 0, sizeof(struct val *), "
                    "0, NULL, NULL};"]
        if kind["type"] in SCALARS:
            table, ctype = SCALARS[kind["type"]]
            return [f"static const struct api_shape {name} = {{{slice_of(shape)}, {table}, {flags}, 0, sizeof({ctype}), 0, NULL, {c}}};"]
        tag = f"struct {self.tag(shape)}"
        if kind["type"] == "structure":
            rows = [self.member_row(shape, n, m, f"offsetof({tag}, {snake(n)})") for n, m in kind.get("members", {}).items()]
            table, entry = "API_STRUCTURE", "0"
        elif kind["type"] == "list":
            rows = [self.member_row(None, "member", kind["member"], 0)]
            table, entry = "API_LIST", f"sizeof({self.value_type(kind['member']['shape'])})"
        else:
            rows = [self.member_row(None, "key", kind["key"], 0),
                    self.member_row(None, "value", kind["value"], f"offsetof(struct {self.entry_tag(shape)}, value)")]
            table, entry = "API_MAP", f"sizeof(struct {self.entry_tag(shape)})"
        members = f"members_{shape}" if rows else "NULL"
        out = [f"static const struct api_member members_{shape}[] = {{", *rows, "};"] if rows else []
        return out + [f"{static}const struct api_shape {name} = {{{slice_of(shape)}, {table}, {flags}, {len(rows)}, sizeof({tag}), "
                      f"{entry}, {members}, {c}}};"]

    def error_tables(self):
        out = []
        for name, (shape, code, status, fault) in self.errors():
            members = self.shapes[shape].get("members", {}) if shape else {}
            key = "Message" if "Message" in members and "message" not in members else "message"
            table = f"&{self.shape_name(shape)}" if shape else "NULL"
            out.append(f"const struct api_error {name} = {{{slice_of(shape or code)}, {slice_of(code)}, {status}, "
                       f"{str(fault).lower()}, {slice_of(key)}, {table}}};")
        names = [n for n, _ in self.errors()]
        return out + [f"static const struct api_error *const all_errors[] = {{{', '.join('&' + n for n in names)}}};"]

    def operation_row(self, name):
        operation = self.operations[name]
        http = operation.get("http", {})
        part = {p: f"&{self.shape_name(operation[p])}" if p in operation else "NULL" for p in ("input", "output")}
        errors = [e for e in operation.get("errors", ()) if e in self.shapes]
        table = f"errors_{name}" if errors else "NULL"
        handler = f"run_{snake(name)}" if operation.get("handler") else "NULL"
        wrapper = operation.get("resultWrapper") or self.overlay.get("roots", {}).get(name)
        return (f"{{{slice_of(name)}, {slice_of(http.get('method', 'POST'))}, {slice_of(http.get('requestUri', '/'))}, "
                f"{self.overlay.get('statuses', {}).get(name, http.get('responseCode', 200))}, {str(self.is_readonly(name)).lower()}, "
                f"{str(operation.get('authtype') == 'none').lower()}, {part['input']}, {part['output']}, "
                f"{slice_of(wrapper)}, {table}, {len(errors)}, {handler}, {str(self.goes_on_when_full(name)).lower()}}}")

    def operation_tables(self):
        out = []
        for name in self.handled():
            f = f"{self.name}_{snake(name)}"
            out += [f"static int run_{snake(name)}(struct call *c, const void *in, void *out)", "{",
                    f"    return {f}(c, in, out);", "}"]
        for name in sorted(self.operations):
            errors = [e for e in self.operations[name].get("errors", ()) if e in self.shapes]
            if errors:
                out.append(f"static const struct api_error *const errors_{name}[] = "
                           f"{{{', '.join('&' + self.error_name(e) for e in errors)}}};")
        out.append("static const struct api_operation operations[] = {")
        out += [f"    {self.operation_row(name)}," for name in sorted(self.operations)]
        out.append("};")
        out += [f"const struct api_operation {self.name}_op_{snake(n)} = {self.operation_row(n)};" for n in self.modelled()]
        return out

    def routes(self):
        """(method, segments, greedy) → indices of the operations, of a REST service."""
        found = {}
        for i, name in enumerate(sorted(self.operations) if self.metadata["protocol"].startswith("rest-") else ()):
            http = self.operations[name]["http"]
            path = http["requestUri"].partition("?")[0]
            segments = (path.removesuffix("/") or path)[1:].split("/")
            found.setdefault((http["method"], len(segments), segments[-1].endswith("+}")), []).append(i)
        return sorted(found.items())

    def route_tables(self):
        out, rows = [], []
        for i, ((method, segments, greedy), operations) in enumerate(self.routes()):
            out.append(f"static const uint16_t route_{i}[] = {{{', '.join(map(str, operations))}}};")
            rows.append(f"    {{{slice_of(method)}, {segments}, {str(greedy).lower()}, {len(operations)}, route_{i}}},")
        return out + ["static const struct api_route routes[] = {", *rows, "};"] if rows else []

    def service_table(self):
        m, common = self.metadata, self.overlay["common"]
        error = {k: "&" + self.error_name(v[0]) for k, v in common.items()}
        validation = self.overlay["validation"]
        return [f"const struct api_service {self.name}_api = {{",
                f"    {slice_of(self.name)}, {slice_of(m.get('serviceAbbreviation', m['serviceFullName']))}, "
                f"{PROTOCOLS[m['protocol']]}, {slice_of(m.get('jsonVersion'))},",
                f"    {slice_of(m.get('targetPrefix'))}, {slice_of(m['apiVersion'])}, "
                f"{slice_of(m.get('xmlNamespace', self.overlay.get('xmlNamespace')))}, "
                f"{STYLES[validation['style']]},",
                f"    &{self.error_name(validation['error'])}, {error['serialization']}, "
                f"{error.get('uri', error['serialization'])}, {error.get('argument', error['serialization'])},",
                f"    {error['unknown_operation']},",
                f"    {error['not_implemented']}, {error['internal_failure']},",
                f"    operations, {len(self.operations)}, {len(self.constraints)}, all_errors, {len(self.errors())}, "
                f"{len(self.routes())}, {'routes' if self.routes() else 'NULL'}, {error['full_disk']},", "};"]

    def source(self, header):
        shapes = [line for shape in self.shapes for line in self.shape_table(shape)]
        declared = [f"static const struct api_shape {self.shape_name(s)};" for s in self.shapes
                    if self.shape_name(s).startswith("shape_")]
        return "\n".join([
            f"/* {self.name}: AWS's API as tables, generated from services/{self.name}/api.json. */",
            f'#include "{header}"', "", "#include <stddef.h>", "", *self.constraint_tables(), *declared, *shapes,
            *self.error_tables(), *self.operation_tables(), *self.route_tables(), *self.service_table(), ""])


def routes(documents):
    out = ["/* routes: generated from the services' api.json. */", '#include "proto/routes.h"', "", '#include "proto/api.h"', ""]
    rows = []
    for service in documents:
        operations = [f"    {{{slice_of(n)}, {str(service.is_readonly(n)).lower()}}}," for n in sorted(service.operations)]
        out += [f"static const struct routes_operation {service.name}_operations[] = {{", *operations, "};"]
        m = service.metadata
        rows.append("    {" + ", ".join([
            slice_of(service.name), slice_of(m.get("signingName", m["endpointPrefix"])),
            slice_of(m.get("serviceAbbreviation", m["serviceFullName"])), PROTOCOLS[m["protocol"]], slice_of(m.get("targetPrefix")),
            slice_of(TARGET_ALIASES.get(service.name)), slice_of(m["apiVersion"]), slice_of(m.get("xmlNamespace")),
            slice_of(m.get("jsonVersion")), str(service.overlay.get("patienceSeconds", 0) * 1000),
            f"{service.name}_operations", str(len(service.operations))]) + "},")
    out += ["const struct routes_service routes_services[] = {", *rows, "};",
            f"const size_t routes_n_services = {len(rows)};", ""]
    return "\n".join(out)


def read(path, name=None):
    path = pathlib.Path(path)
    return Service(name or path.resolve().parent.name, json.loads(path.read_text(encoding="utf-8")))


def main():
    if sys.argv[1:2] in (["service"], ["tables"], ["client"]) and (len(sys.argv) == 6 or sys.argv[1] == "client"):
        service = read(sys.argv[2], sys.argv[3])
        header, source = pathlib.Path(sys.argv[4]), pathlib.Path(sys.argv[5])
        if sys.argv[1] != "service":
            service.drop_handlers()
        if sys.argv[1] == "client":
            service.keep_only(sys.argv[6:])
        header.write_text(service.header(), encoding="utf-8")
        source.write_text(service.source(header.name), encoding="utf-8")
    elif sys.argv[1:2] == ["routes"] and len(sys.argv) > 3:
        pathlib.Path(sys.argv[2]).write_text(routes(sorted(map(read, sys.argv[3:]), key=lambda s: s.name)), encoding="utf-8")
    else:
        sys.exit(__doc__)


main()
