"""Looking for the marks of one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets.progress import Progress


def run(payload: dict[str, Any], report: Progress) -> dict[str, Any]:
    """``path`` and ``name`` of a file; gives what :func:`ui.services.verifying.look` does."""
    from ui.services.verifying import look

    path = Path(payload["path"])
    return look(path, str(payload.get("name") or path.name), report)
