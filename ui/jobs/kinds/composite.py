"""The whole clip with its new face, marked; then its detector, its score against its original, and the report."""

from __future__ import annotations

from typing import Any

from ui.jobs.reporter import Reporter


def run(payload: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Make it. Payload: ``workspace``, ``method``, ``settings`` by name, ``detector_minutes``, ``device``."""
    from pathlib import Path

    from datasets.workspace import open_workspace
    from synth.composite.settings import for_method
    from ui.services.loop import DETECTOR_MINUTES, composited, judged

    workspace = open_workspace(Path(payload["workspace"]))
    workspace.require_consent()
    method, device = str(payload["method"]), payload.get("device", "auto")
    with report.part(0, 0.45):
        composited(workspace, method, for_method(method, payload.get("settings")), device, report)
    with report.part(0.45, 1):
        page = judged(workspace, method, device, report, payload.get("detector_minutes", DETECTOR_MINUTES))
    return {"workspace": str(workspace.root), "report": str(page)}
