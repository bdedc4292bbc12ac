"""Where in a TOML file, written by hand, a table of a list stands: the parser of the standard library does not say."""

from __future__ import annotations

import re

LONG_STRING = re.compile(r"(\"\"\"|''')(?s:.*?)\1")


def line_of(text: str, name: str, number: int, count: int, field: str | None) -> int | None:
    """The line, from 1, of a field in one of the ``[[name]]`` tables of a file.

    Args:
        text: what the file holds.
        name: of the list of tables.
        number: which table of the list, from 0.
        count: how many tables the parser found.
        field: a key of the table; where it is None or absent, the line of the table's header.

    Returns:
        None where the tables are not written as ``[[name]]`` each.
    """
    lines = LONG_STRING.sub(lambda found: "\n" * found.group().count("\n"), text).splitlines()
    header = re.compile(rf"\s*\[\[\s*[\"']?{re.escape(name)}[\"']?\s*\]\]")
    headers = [at for at, line in enumerate(lines) if header.match(line)]
    if len(headers) != count:
        return None
    begin = headers[number]
    if field is not None:
        key = re.compile(rf"\s*([\"']?){re.escape(field)}\1\s*=")
        for at in range(begin + 1, len(lines)):
            if lines[at].lstrip().startswith("["):
                break
            if key.match(lines[at]):
                return at + 1
    return begin + 1
