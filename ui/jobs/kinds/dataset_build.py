"""Building a labelled data set from a recipe; again, it goes on where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets.progress import Progress


def run(payload: dict[str, Any], report: Progress) -> dict[str, Any]:
    """``recipe`` (its file), ``output`` (a folder), ``workers``; gives the folder and how many clips it holds."""
    from datasets.labelledset import LabelledSet
    from synth.factory.build import build

    output = Path(payload["output"])
    root = build(Path(payload["recipe"]), output, "local", int(payload.get("workers") or 1), progress=report)
    made = LabelledSet(root, check=False)
    return {"folder": str(root), "clips": len(made.clips), "fakes": len(made.select(label="fake"))}
