"""The sample's swap, from its two portraits to its score."""

from __future__ import annotations

from typing import Any

from ui.jobs.reporter import Reporter

MINUTES = 2.0


def run(payload: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Make it. Payload: ``minutes`` or ``steps`` of training, all by default."""
    from synth.method import Budget
    from ui.services.sample import make_sample, sample_root

    steps = payload.get("steps")
    budget = Budget(steps=steps, minutes=None if steps else payload.get("minutes", MINUTES))
    root = sample_root()
    make_sample(root, budget, payload.get("device", "auto"), report)
    return {"workspace": str(root)}
