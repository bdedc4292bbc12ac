"""The whole clip with its new face, marked; then its detector, its score against its original, and the report."""

from __future__ import annotations

from typing import Any

from ui.jobs.reporter import Reporter


def run(payload: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Make it. Payload: ``workspace``, ``method``, ``settings`` by name, ``device``."""
    from pathlib import Path

    from datasets.workspace import open_workspace
    from synth.composite.settings import for_method
    from ui.services.loop import composited, judged
    from ui.settings import studio_settings

    workspace = open_workspace(Path(payload["workspace"]))
    workspace.require_consent()
    method, device = str(payload["method"]), payload.get("device", "auto")
    with report.part(0, 0.45):
        composited(workspace, method, for_method(method, payload.get("settings")), device, report)
    with report.part(0.45, 1):
        page = judged(workspace, method, device, report, studio_settings().detector_minutes)
    return {"workspace": str(workspace.root), "report": str(page)}
