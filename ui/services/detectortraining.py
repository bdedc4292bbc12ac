"""Training a detector for clips from anywhere, out of the dashboard: what may be chosen, and how far it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets.errors import InputError
from datasets.progress import Progress, silent
from ui.settings import studio_home

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
RECIPES: Mapping[str, str] = {
    "": "what was given decides",
    "paired": "paired: swaps beside their own originals",
    "self-blend": "self-blend: real faces alone, blended into themselves",
    "mixed": "mixed: both",
}
METRICS = "metrics.jsonl"


def training_folder(name: str) -> Path:
    """Where a detector is trained. Raises InputError for a name that is none."""
    if not NAME.fullmatch(name):
        raise InputError("A detector's name has letters, digits, - and _, 40 at most.")
    return studio_home() / "detectors" / name


def check_name(name: str) -> None:
    """Raise InputError for a name that is none, or that another detector has."""
    from ui.services.detectors import listed

    training_folder(name)
    if name in {one.name for one in listed()}:
        raise InputError(f"There is a detector {name} already; choose another name.")


def train(payload: Mapping[str, Any], progress: Progress = silent) -> dict[str, Any]:
    """Train what a form asked for and keep it in the library; again, it goes on.

    Args:
        payload: ``inputs`` (paths), ``name``, ``minutes``, ``recipe`` (or empty), ``consent`` (a basis, or empty),
            ``size``, ``batch``, ``seed``.

    Raises:
        InputError, Refused, Interrupted: as :func:`evaluate.detectortraining.train_general`.
    """
    from datasets.checkpoint import CARD, read_card
    from detect.library import keep
    from detect.recipe import RecipeSettings
    from evaluate.detectortraining import given_kinds, train_general
    from ui.commands.detectortraining import DEFAULT_MODEL, network_settings

    folder = training_folder(str(payload["name"]))
    if (folder / CARD).is_file():  # killed between the last step and the library
        card: Mapping[str, Any] = read_card(folder)
    else:
        from dataclasses import replace

        drawn = RecipeSettings(
            size=int(payload.get("size") or 128),
            batch=int(payload.get("batch") or 16),
            seed=int(payload.get("seed") or 0),
        )
        settings = replace(
            network_settings(DEFAULT_MODEL, None, None, "adamw", "32"),
            minutes=float(payload["minutes"]),
            steps=None,
            name=str(payload["name"]),
        )
        card = train_general(
            given_kinds([Path(path) for path in payload["inputs"]]),
            str(payload.get("recipe") or "") or None,
            drawn,
            settings,
            folder,
            str(payload.get("consent") or "") or None,
            progress=progress,
        )
    return {"name": keep(folder), "folder": str(folder), "steps": card["step"], "trained_on": card["trained_on"]}


def curves(name: str) -> dict[str, Any]:
    """The figures of a training so far, by name (``loss``, ``auc``, ``heat_iou``): see ``evaluate.results.Curve``."""
    from evaluate.results import read_metrics

    return dict(read_metrics(training_folder(name) / METRICS))


def inputs_here(folders: Sequence[Path]) -> dict[str, str]:
    """What can be trained on: finished workspaces and labelled data sets, path to a title."""
    from ui.services import sets
    from ui.services.projects import projects

    found = {str(one.root): f"Workspace {one.title} ({one.root.name})" for one in projects() if one.step == "result"}
    return found | {str(folder): f"Data set {folder.name}" for folder in sets.found(folders)}
