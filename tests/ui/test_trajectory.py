"""Detectability against training step, as a page reads it from what ``evaluate trajectory`` wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from datasets.workspace import Workspace
from ui.services.trajectory import FILE, trajectory

HELD: dict[str, Any] = {
    "version": 1,
    "method": "quick96",
    "detectors": [
        {"name": "faces-3", "kind": "general", "original": {"probability": 0.08}},
        {"name": "own", "kind": "pair"},
    ],
    "original_frame": "trajectory/original.jpg",
    "steps": [
        {
            "step": step,
            "seconds": 0.4 * step,
            "quality": {"ssim_to_original": 0.9},
            "scores": {"faces-3": {"probability": 0.5, "detectability": step / 1000}, "own": None},
            "frame": f"trajectory/step-{step:06d}.jpg",
        }
        for step in (100, 200)
    ],
}
NEWER, NO_STEPS = '{"version": 2, "steps": [1]}', '{"version": 1, "steps": [{}], "detectors": []}'


def test_it_is_read(own_workspace: Callable[..., Workspace]) -> None:
    workspace = own_workspace()
    assert trajectory(workspace) is None
    (workspace.result / "trajectory").mkdir()
    (workspace.result / "trajectory" / "step-000200.jpg").write_bytes(b"\xff\xd8")
    (workspace.result / "trajectory" / "original.jpg").write_bytes(b"\xff\xd8")
    (workspace.result / FILE).write_text(json.dumps(HELD))
    found = trajectory(workspace)
    assert found is not None and found.original is not None and found.original_words == "faces-3 0.08"
    by = {series.label: series.y.tolist() for series in found.chart.series}
    assert by == {"by faces-3": [0.1, 0.2], "likeness to the original (SSIM)": [0.9, 0.9]}
    assert [(m.step, m.frame is not None, m.words) for m in found.moments] == [
        (100, False, "faces-3 0.50"),
        (200, True, "faces-3 0.50"),
    ]


@pytest.mark.parametrize("text", ["", "[]", NEWER, NO_STEPS])
def test_what_is_none_is_passed_over(own_workspace: Callable[..., Workspace], text: str) -> None:
    workspace = own_workspace()
    (workspace.result / FILE).write_text(text)
    assert trajectory(workspace) is None


def test_pictures_from_elsewhere_are_not_shown(own_workspace: Callable[..., Workspace]) -> None:
    workspace = own_workspace()
    (workspace.root / "outside.jpg").write_bytes(b"\xff\xd8")
    held = {**HELD, "steps": [{**HELD["steps"][0], "frame": "../outside.jpg"}]}
    (workspace.result / FILE).write_text(json.dumps(held))
    found = trajectory(workspace)
    assert found is not None and found.moments[0].frame is None
