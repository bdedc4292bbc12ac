"""One page a study: pictures, tables, and how to make it again, in one HTML file that needs no network."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from datasets.atomic import write_text
from evaluate.report import TEMPLATES

NOTHING = "–"


@dataclass(frozen=True)
class Part:
    """One section of a page.

    Attributes:
        picture: a data address (:func:`address`), or None.
        columns, rows: a table; the first cell of a row is its name.
        notes: sentences below.
    """

    title: str
    lead: str = ""
    picture: str | None = None
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()


def address(content: bytes, kind: str = "image/png") -> str:
    """A picture as a data address."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def write_study(
    path: Path,
    head: Mapping[str, Any],
    title: str,
    lead: Sequence[str],
    parts: Sequence[Part],
    marked: bool = False,
) -> Path:
    """Write the page, all or nothing.

    Args:
        head: as :func:`evaluate.study.study` gives it.
        marked: whether it holds pictures of synthetic faces, which carry the marks.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    css = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "study.css"))
    page = environment.get_template("study.html").render(
        css=Markup(css),
        head=head,
        title=title,
        lead=lead,
        parts=parts,
        again=_again(head),
        pill="Pictures of synthetic media here are marked “AI”" if marked else "A hint for people, no proof",
    )
    write_text(path, page)
    return path


def _again(head: Mapping[str, Any]) -> list[tuple[str, str]]:
    said = [("seed", str(head["seed"]))]
    said += [(name, str(value)) for name, value in head["settings"].items()]
    said += [(f"SHA-256 of {name}", str(value)) for name, value in head["hashes"].items()]
    return said + [(name, str(value)) for name, value in head["versions"].items()]


def number(value: float | None, digits: int = 3) -> str:
    """A figure for a table; a dash for none. A leading zero is kept."""
    return NOTHING if value is None or value != value else f"{value:.{digits}f}"


def with_interval(value: float | None, ends: Sequence[float] | None, digits: int = 3) -> str:
    """A figure and its interval for a table."""
    said = number(value, digits)
    return said if said == NOTHING or not ends else f"{said} ({number(ends[0], digits)} to {number(ends[1], digits)})"
