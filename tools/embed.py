#!/usr/bin/env python3
"""Makes SQL files into C: embed.py NAME OUT.c schema.sql [migrate_2.sql…] defines NAME_migrations[], NULL at the end."""

import pathlib
import sys


def literal(text):
    lines = text.replace("\\", "\\\\").replace('"', '\\"').splitlines()
    return "\n".join(f'    "{line}\\n"' for line in lines) or '    ""'


def main():
    name, out, *files = sys.argv[1:]
    texts = [literal(pathlib.Path(f).read_text(encoding="utf-8")) for f in files]
    pathlib.Path(out).write_text(
        f"/* {name}: the schema and its migrations, generated from .sql files. */\n#include <stddef.h>\n\n"
        f"extern const char *const {name}_migrations[];\nconst char *const {name}_migrations[] = {{\n"
        + "".join(f"{text},\n" for text in texts) + "    NULL,\n};\n", encoding="utf-8")


main()
