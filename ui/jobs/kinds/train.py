"""The training of a workspace's swap model; stopped, it goes on where it was."""

from __future__ import annotations

from typing import Any

from ui.jobs.reporter import Reporter


def run(payload: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Train. Payload: ``workspace``, ``method``, ``minutes`` or ``steps``, ``options``, ``device``."""
    from pathlib import Path

    from datasets.checkpoint import read_card
    from datasets.workspace import open_workspace
    from synth.method import Budget
    from ui.services.loop import trained

    workspace = open_workspace(Path(payload["workspace"]))
    workspace.require_consent()
    method = str(payload["method"])
    budget = Budget(payload.get("steps"), payload.get("minutes"))
    trained(workspace, method, budget, payload.get("device", "auto"), report, payload.get("options") or None)
    card = read_card(workspace.model(method))
    return {"method": method, "step": card.get("step"), "seconds": card.get("seconds"), "heldout": card.get("heldout")}
