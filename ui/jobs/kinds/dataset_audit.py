"""Auditing a labelled data set: leaks, duplicates, identity overlap, wrong masks, shortcuts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets.progress import Progress


def run(payload: dict[str, Any], report: Progress) -> dict[str, Any]:
    """``folder`` and ``workers``; keeps the outcome beside the manifest and gives how many findings there are."""
    from datasets.audit.run import audit, keep

    folder = Path(payload["folder"])
    found = audit(folder, int(payload.get("workers") or 1), progress=report)
    keep(folder, found, report)
    return {"folder": str(folder), "findings": len(found.findings)}
