"""The end of a training: calibrate, measure what the detector knows, write it down."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from detect.calibration import fit_platt
from detect.competence import fit_competence
from detect.detector import VERSION, BuiltModel, forward, save_detector
from detect.objective import heat_iou, rank_auc
from detect.recipe import Recipe
from detect.trainsettings import TrainSettings

if TYPE_CHECKING:
    import torch


def finished(
    module: torch.nn.Module,
    built: BuiltModel,
    recipe: Recipe,
    settings: TrainSettings,
    folder: Path,
    device: str,
    identity: Mapping[str, Any],
    step: int,
    seconds: float,
) -> Mapping[str, Any]:
    """Write the trained network as a detector; returns its card."""
    held, seen = recipe.closing()

    def scores(batch: Any) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        return forward(module, batch.images, built.normalisation, device)

    scored = [scores(batch) for batch in held]
    # As they are counts twice: clips are scored as they are more often than they are scored badly degraded.
    weighed = [0, *range(len(held))]
    logit = np.concatenate([scored[i][0] for i in weighed])
    label = np.concatenate([held[i].labels for i in weighed])
    competence = fit_competence(
        np.concatenate([scores(batch)[2] for batch in seen]),
        np.concatenate([s[2] for s in scored]),
        held[0].images,
        recipe.widths(),
    )
    said = dict(recipe.card())
    figures = {
        "auc": rank_auc(scored[0][0], held[0].labels),
        "auc_degraded": rank_auc(
            np.concatenate([s[0] for s in scored[1:]]), np.concatenate([b.labels for b in held[1:]])
        ),
    }
    if scored[0][1] is not None:
        figures["heat_iou"] = heat_iou(scored[0][1], held[0])
    card = {
        "name": settings.name,
        "version": VERSION,
        "architecture": {"name": settings.model, "options": dict(built.options)},
        "input": {
            "size": recipe.size,
            "coverage": settings.coverage,
            "alignment": "similarity to the mean face, see datasets.faces.align",
            "normalisation": dict(built.normalisation),
        },
        "initial_weights": built.initial_weights,
        "parameters": sum(p.numel() for p in module.parameters()),
        "recipe": said.pop("recipe"),
        "codecs": said.pop("codecs"),
        "step": step,
        "seconds": round(seconds, 1),
        "seed": settings.seed,
        "data_sha256": identity["data_sha256"],
        "settings": identity["settings"],
        "calibration": fit_platt(logit, label).to_card(),
        "calibrated_on": said.pop("calibrated_on"),
        "trained_on": settings.trained_on,
        **said,
        "scope": dict(settings.scope),
        "held_out": figures,
    }
    if settings.consent:
        card["consent"] = [dict(record) for record in settings.consent]
    return save_detector(folder, module, card, competence)
