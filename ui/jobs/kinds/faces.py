"""The faces of a workspace's two clips: found, followed, aligned, and measured for sorting."""

from __future__ import annotations

from typing import Any

from ui.jobs.reporter import Reporter


def run(payload: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Find them. Payload: ``workspace``, ``finder``."""
    from pathlib import Path

    from datasets.curate.figures import measure
    from datasets.faceset import FaceSet
    from datasets.workspace import open_workspace
    from synth.pipeline import ROLES
    from ui.services.loop import faces

    workspace = open_workspace(Path(payload["workspace"]))
    workspace.require_consent()
    with report.part(0, 0.8):
        faces(workspace, report, payload.get("finder"))
    for number, role in enumerate(ROLES):
        with report.part(0.8 + 0.1 * number, 0.9 + 0.1 * number):
            measure(FaceSet(workspace.faces(role)), progress=report)
    return {role: FaceSet(workspace.faces(role)).info.faces for role in ROLES}
