"""The pair over time: how detectable the swap was at each step of its training; measured, kept and read again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.workspace import Workspace
from evaluate.charts import Chart, Series
from ui.console import Console

FILE = "trajectory.json"
KINDS = ("swap", "one", "two", "original")


@dataclass(frozen=True)
class Moment:
    """One step of the training.

    Attributes:
        step: its number; seconds: of training up to it.
        frame: the same frame of the swap as it was then, a marked picture, or None.
        words: its scores in a line.
    """

    step: int
    seconds: float
    frame: Path | None
    words: str


@dataclass(frozen=True)
class Trajectory:
    """The whole of it: a chart, the moments it is made of, and the original's picture with what detectors say of it."""

    chart: Chart
    moments: tuple[Moment, ...]
    original: Path | None
    original_words: str


def measure(
    workspace: Workspace,
    method: str | None,
    detectors: Sequence[str],
    command: str,
    device: str,
    console: Console,
) -> tuple[dict[str, Any], dict[str, Any], Path]:
    """Measure it and write ``result/trajectory.json`` and its picture; asked again, it goes on from what is done.

    Args:
        method: the swap model; by default the one that is there.
        detectors: who scores, by name; by default the general one and the workspace's own.
        command: the command line that this stands for, which the file names.

    Returns:
        The study's head, the whole file, and where its picture is. Raises as ``evaluate.trajectory`` does.
    """
    from datasets.atomic import write_json
    from datasets.checkpoint import CARD
    from detect.library import find
    from evaluate import trajectoryreport
    from evaluate.likeness import identity_network
    from evaluate.study import study
    from evaluate.trajectory import trajectory as measured

    method = method or next(iter(sorted(workspace.models(), key=lambda name: name != "quick96")), "quick96")
    folders = [find(name) for name in detectors]
    if not folders:
        own = [workspace.detector] if (workspace.detector / CARD).is_file() else []
        folders = [find(None), *own]
    network = identity_network(console)
    found = measured(workspace, method, folders, embedding=network, device=device, progress=console)
    hashes = {f"the detector {one['name']}": one["sha256"] for one in found["detectors"]}
    head = study("trajectory", command, workspace.seed, {"method": method}, hashes)
    whole = head | found | {"picture": trajectoryreport.PICTURE}
    picture = trajectoryreport.write(workspace, whole)
    write_json(workspace.result / FILE, whole)
    return head, whole, picture


def trajectory(workspace: Workspace) -> Trajectory | None:
    """What is there; None where nothing was measured yet, or the file holds something else."""
    file = workspace.result / FILE
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        return _parsed(held, workspace.result) if held["version"] == 1 and held["steps"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _parsed(held: Mapping[str, Any], folder: Path) -> Trajectory:
    names = [str(detector["name"]) for detector in held["detectors"]]
    series = []
    for name, kind in zip(names, KINDS, strict=False):
        points = [
            (float(one["step"]), float(one["scores"][name]["detectability"]))
            for one in held["steps"]
            if (one["scores"].get(name) or {}).get("detectability") is not None
        ]
        if points:
            x, y = np.array(points).T
            series.append(Series(f"by {name}", kind, x, y))
    quality = [
        (float(one["step"]), float(one["quality"]["ssim_to_original"]))
        for one in held["steps"]
        if (one.get("quality") or {}).get("ssim_to_original") is not None
    ]
    if quality:
        x, y = np.array(quality).T
        series.append(Series("likeness to the original (SSIM)", "original", x, y))
    chart = Chart(
        "Detectability against training step",
        tuple(series),
        "training step",
        "swap less original",
        y_range=(-0.1, 1.02),
    )
    said = _scores(names, {str(detector["name"]): detector.get("original") for detector in held["detectors"]})
    moments = tuple(_moment(one, folder, names) for one in held["steps"])
    return Trajectory(chart, moments, _inside(folder, held.get("original_frame")), said)


def _moment(one: Mapping[str, Any], folder: Path, names: list[str]) -> Moment:
    frame = _inside(folder, one.get("frame"))
    return Moment(int(one["step"]), float(one.get("seconds") or 0), frame, _scores(names, one["scores"]))


def _scores(names: Sequence[str], said: Mapping[str, Mapping[str, Any] | None]) -> str:
    """What each detector says, those that say something."""
    known = {name: (said.get(name) or {}).get("probability") for name in names}
    return ", ".join(f"{name} {float(value):.2f}" for name, value in known.items() if value is not None)


def _inside(folder: Path, name: object) -> Path | None:
    frame = folder / str(name or "")
    return frame if frame.resolve().is_relative_to(folder.resolve()) and frame.is_file() else None
