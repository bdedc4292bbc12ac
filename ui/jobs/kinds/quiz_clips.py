"""Making the clips of the quiz of one workspace or labelled data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets.progress import Progress


def run(payload: dict[str, Any], report: Progress) -> dict[str, Any]:
    """``source``: a workspace or a data set; gives how many clips there are."""
    from ui.services.quizclips import prepare

    return {"clips": prepare(Path(payload["source"]), report)}
