"""Making the pictures of the page Learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets.progress import Progress


def run(payload: dict[str, Any], report: Progress) -> dict[str, Any]:
    """``workspace``: a finished one; gives how many pictures there are."""
    from ui.services.album import make

    album = make(Path(payload["workspace"]), report)
    return {"pictures": sum(map(len, album.shots.values())) + 2 * len(album.cues)}
