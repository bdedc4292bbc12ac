"""The answer of ``counterface verify`` on a terminal: what it is first, then each mark and on what it rests."""

from __future__ import annotations

import sys

from datasets.provenance.verify import Verification


def show(found: Verification) -> None:
    """Print what was found: a table where a person sits at a terminal, else plain lines."""
    if sys.stdout.isatty():
        _table(found)
    else:
        _lines(found)


def _lines(found: Verification) -> None:
    print(f"{found.path}: {found.headline}")
    for finding in found.findings:
        print(f"{finding.label}: {finding.said}")
        if finding.rests:
            print(f"  rests on {finding.rests}.")
        for point in finding.points:
            print(f"  - {point}")


def _table(found: Verification) -> None:
    from rich.console import Console, Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=True, header_style="dim", box=None, padding=(0, 2, 1, 0))
    table.add_column("mark", style="bold", no_wrap=True)
    table.add_column("what was found", ratio=3)
    table.add_column("on what that rests", ratio=2, style="dim")
    for finding in found.findings:
        points = [Text(f"- {point}", style="dim") for point in finding.points]
        rests = f"{finding.rests[:1].upper()}{finding.rests[1:]}." if finding.rests else ""
        # Text, not markup: a file's title may hold square brackets.
        table.add_row(Text(finding.label), Group(Text(finding.said), *points), Text(rests))
    screen = Console()
    screen.print(Text(str(found.path), style="dim"))
    screen.print(Padding(Text(found.headline, style=f"bold {_colour(found)}"), (0, 0, 1, 0)))
    screen.print(table)


def _colour(found: Verification) -> str:
    if found.transplanted or found.credentials.state == "invalid":
        return "red"
    return "green" if found.studio_output or found.credentials.state in ("valid", "trusted") else "yellow"
