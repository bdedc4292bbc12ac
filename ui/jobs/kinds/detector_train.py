"""Training a detector; stopped, it goes on from its last save."""

from __future__ import annotations

from typing import Any

from datasets.progress import Progress


def run(payload: dict[str, Any], report: Progress) -> dict[str, Any]:
    """See :func:`ui.services.detectortraining.train`."""
    from ui.services.detectortraining import train

    return train(payload, report)
