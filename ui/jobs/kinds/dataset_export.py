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
    # The folder was free when the job was made: what is there now is this job's own, before it was killed.
    notes = export(Path(payload["folder"]), payload["format"], output, payload.get("level"), True, report)
    return {"folder": str(output), "notes": notes}
