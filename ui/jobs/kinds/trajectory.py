"""How detectable a workspace's swap was at each step of its training."""

from __future__ import annotations

from typing import Any

from ui.jobs.reporter import Reporter


def run(payload: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Measure it. Payload: ``workspace``, ``device``."""
    from pathlib import Path

    from datasets.workspace import open_workspace
    from ui.services.trajectory import measure

    workspace = open_workspace(Path(payload["workspace"]))
    command = f"counterface evaluate trajectory {workspace.root}"
    _, whole, _ = measure(workspace, None, (), command, payload.get("device", "auto"), report)
    return {"steps": len(whole["steps"])}
