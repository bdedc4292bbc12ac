"""The row that a unit leaves when it is done: a small JSON file, renamed into place after the unit's own files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from datasets.atomic import replacing
from synth.factory.plan import WORK, Unit


def row_file(root: Path, unit: Unit) -> Path:
    """Where the row of a unit lies."""
    return root / WORK / "rows" / unit.kind / f"{unit.name}.json"


def write_row(root: Path, unit: Unit, row: dict[str, Any], seconds: float = 0.0) -> None:
    """Say that a unit is done, what came out, and how long it took (which no manifest holds)."""
    held = {"key": unit.key, "row": row, "seconds": round(seconds, 3)}
    with replacing(row_file(root, unit)) as temporary:
        temporary.write_text(json.dumps(held, sort_keys=True), encoding="utf-8")


def read_row(root: Path, unit: Unit) -> dict[str, Any] | None:
    """The row of a unit, or None where it is not done, or was done to another key."""
    try:
        held = json.loads(row_file(root, unit).read_text(encoding="utf-8"))
        return dict(held["row"]) if held["key"] == unit.key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def seconds_of(root: Path, unit: Unit) -> float | None:
    """How long a unit took, or None where it is not done."""
    try:
        return float(json.loads(row_file(root, unit).read_text(encoding="utf-8"))["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
