"""Exporting a labelled data set into a layout that the field's own tools load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets.progress import Progress


def run(payload: dict[str, Any], report: Progress) -> dict[str, Any]:
    """``folder``, ``format``, ``level`` (or None), ``output``; gives the notes of the export."""
    from datasets.exchange import export

    output = Path(payload["output"])
    output.parent.mkdir(parents=True, exist_ok=True)
    # Run again after a kill: what is there is an export of this job's, or of an earlier one of the same name.
    notes = export(Path(payload["folder"]), payload["format"], output, payload.get("level"), True, report)
    return {"folder": str(output), "notes": notes}
