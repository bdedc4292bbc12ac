"""People against machine: the answers of the quiz in the same figures as a detector's, side by side.

The answers are those of ``evaluate.quizanswers``. A player's probability of a fake is
how sure they were, or one less that where they guessed "real". Intervals draw whole players, and for the detector
whole clips: a player who answers often is still one player.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluate.figures import Figure, curve_figures, figure, proper_figures
from evaluate.intervals import DRAWS
from evaluate.metrics import accuracy
from evaluate.pictures import bars, png
from evaluate.quizanswers import CLASSES, Answer
from evaluate.resampled import mean_draws, resample
from evaluate.studyreport import Part, address, number, with_interval, write_study

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

NAMES = {
    "accuracy": "accuracy",
    "auc": "AUC",
    "ap": "AP",
    "eer": "EER",
    "tpr@fpr=0.05": "TPR at 5 % FPR",
    "fakes caught": "fakes caught",
    "real taken for fake": "real taken for fake",
    "ece": "ECE",
    "brier": "Brier score",
}
CURVE = {"AUC": "auc", "AP": "ap", "EER": "eer", "TPR at 5% FPR": "tpr@fpr=0.05"}


def people_figures(answers: Sequence[Answer], draws: int = DRAWS) -> dict[str, Any]:
    """The figures of ``counterface evaluate people --json``, see docs/evaluation.md."""
    scored = {one.clip: one for one in answers if one.machine is not None}
    label = np.array([one.fake for one in answers])
    people = _figures(label, np.array([one.probability for one in answers]), [one.player for one in answers], draws)
    machine = None
    if scored:
        truth = np.array([one.fake for one in scored.values()])
        machine = _figures(truth, np.array([one.machine for one in scored.values()], float), list(scored), draws)
    methods = sorted({one.method for one in answers if one.fake})
    return {
        "n_answers": len(answers),
        "n_players": len({one.player for one in answers}),
        "n_clips": len({one.clip for one in answers}),
        "n_clips_scored": len(scored),
        "people": people,
        "machine": machine,
        "agreement": _agreement(answers),
        "median_seconds": float(np.median([one.seconds for one in answers])),
        "by_method": {
            name: _caught([one for one in answers if one.fake and one.method == name], draws) for name in methods
        },
        "verdicts": {
            name: {v: sum(o.verdict == v and o.label == name for o in _each_clip(answers)) for v in _verdicts(answers)}
            for name in CLASSES
        },
    }


def _verdicts(answers: Iterable[Answer]) -> list[str]:
    return sorted({one.verdict for one in answers if one.verdict})


def _each_clip(answers: Iterable[Answer]) -> Iterable[Answer]:
    return {one.clip: one for one in answers}.values()


def _json(one: Figure) -> dict[str, Any]:
    return {"value": one.value, "interval": None if np.isnan(one.low) else [one.low, one.high]}


def _figures(label: np.ndarray, said: np.ndarray, groups: Sequence[str], draws: int) -> dict[str, Any]:
    drawn = resample(groups, draws)
    right = ((said >= 0.5) == label).astype(float)
    found = {"accuracy": _json(figure(accuracy(label, said, 0.5), mean_draws(right, drawn), drawn))}
    found |= {CURVE[name]: _json(one) for name, one in curve_figures(label, said, groups, CURVE, draws).items()}
    for name, wanted in (("fakes caught", 1), ("real taken for fake", 0)):
        called = np.where(label == wanted, (said >= 0.5).astype(float), np.nan)
        if not np.isnan(called).all():
            found[name] = _json(figure(float(np.nanmean(called)), mean_draws(called, drawn), drawn))
    proper = proper_figures(label, said, drawn)
    return found | {name.lower(): _json(proper[name]) for name in ("ECE", "Brier")}


def _caught(answers: Sequence[Answer], draws: int) -> dict[str, Any]:
    """How many fakes of one method people caught, and the detector."""
    drawn = resample([one.player for one in answers], draws)
    right = np.array([one.right for one in answers], float)
    clips = [one for one in _each_clip(answers) if one.machine is not None]
    machine = float(np.mean([float(one.machine or 0) >= 0.5 for one in clips])) if clips else None
    people = _json(figure(float(right.mean()), mean_draws(right, drawn), drawn))
    return {"answers": len(answers), "people": people, "machine": machine}


def _agreement(answers: Sequence[Answer]) -> float | None:
    """How often a player and the detector said the same, of answers to clips that it scored."""
    both = [(one.guess == "fake") == (one.machine >= 0.5) for one in answers if one.machine is not None]
    return float(np.mean(both)) if both else None


# -- what is shown -----------------------------------------------------------------------------------------------------


def lines(found: Mapping[str, Any]) -> list[str]:
    """The figures in sentences."""
    said = [
        f"{found['n_answers']} answers of {found['n_players']} players to {found['n_clips']} clips; intervals draw "
        "players, and for the detector clips"
    ]
    for key, name in NAMES.items():
        if key in found["people"]:
            said.append(f"{name}: people {_cell(found['people'], key)}; detector {_cell(found['machine'], key)}")
    return said


def _cell(side: Mapping[str, Any] | None, key: str) -> str:
    if side is None or key not in side:
        return with_interval(None, None)
    return with_interval(side[key]["value"], side[key]["interval"], 2)


def picture(found: Mapping[str, Any]) -> Drawing:
    """Accuracy of people and of the detector, of all and by method, as bars."""
    rows = []
    for name, side in (("people", found["people"]), ("detector", found["machine"])):
        for key in ("accuracy", "fakes caught", "real taken for fake"):
            if side is not None and key in side:
                ends = side[key]["interval"]
                words = f"{side[key]['value']:.0%}"
                rows.append((f"{name}: {key}", side[key]["value"], tuple(ends) if ends else None, words))
    return bars(rows, "People against machine", "share, 95 % interval", (0, 1.2), 0.5)  # type: ignore[arg-type]


def write_report(path: Path, head: Mapping[str, Any], found: Mapping[str, Any]) -> Path:
    """Write the page of a study of people and a detector."""
    parts = [
        Part(
            "People against machine",
            "The same clips, the same figures. People said how sure they were before anything was revealed.",
            address(png(picture(found))),
            ("", "people", "detector"),
            [(name, _cell(found["people"], key), _cell(found["machine"], key)) for key, name in NAMES.items()],
            ["Intervals are 95 %: of people by drawing players, of the detector by drawing clips."],
        ),
        Part(
            "Fakes caught, by method",
            columns=("method", "answers", "people", "detector"),
            rows=[
                (name or "not said", str(row["answers"]), _cell(row, "people"), number(row["machine"], 2))
                for name, row in found["by_method"].items()
            ],
        ),
    ]
    lead = [lines(found)[0][0].upper() + lines(found)[0][1:] + "."]
    return write_study(path, head, "Who sees more: people or the detector?", lead, parts)
