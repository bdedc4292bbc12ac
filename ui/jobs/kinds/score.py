"""The score of a suspect video or picture, with the pictures that explain it and a report to keep."""

from __future__ import annotations

from typing import Any

from ui.jobs.reporter import Reporter


def run(payload: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Score it. Payload: ``file``, ``detector``, ``frames``, ``finder``, ``device``."""
    from pathlib import Path

    from ui.services.scoring import score_file

    return score_file(
        Path(payload["file"]),
        report.output,
        payload.get("detector"),
        int(payload.get("frames", 32)),
        payload.get("finder", "mediapipe"),
        payload.get("device", "auto"),
        report,
    )
