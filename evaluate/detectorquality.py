"""How good a detector is on labelled clips: every figure with its interval, and again for each kind of clip."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from datasets.errors import InputError
from datasets.progress import Progress, silent
from evaluate.clipset import LabelledClip
from evaluate.figures import (
    Figure,
    Judged,
    answers,
    calibration_figures,
    clip_figures,
    frame_figures,
    overlap_figure,
    paired_figure,
    scored_clips,
    verdict_counts,
)
from evaluate.intervals import DRAWS, clopper_pearson
from evaluate.metrics import (
    CALIBRATION_BINS,
    abstention,
    accuracy,
    balanced_accuracy,
    best_threshold,
    reliability,
    risk_area,
    risk_coverage,
)
from evaluate.scored import Job, Scored, key_of, score_jobs

# Names of the figures as JSON calls them.
SHORT = {"AUC": "auc", "AP": "ap", "EER": "eer", "TPR at 1% FPR": "tpr@fpr=0.01", "TPR at 5% FPR": "tpr@fpr=0.05"}
# Edges of the classes of face width, pixels.
WIDTHS = (64, 96, 128, 192)
# Draws for the frames of one kind of clips, of which there are many.
KIND_FRAME_DRAWS = 200
# Clips a bin of the reliability plot, at least.
BIN_MASS = 8
OWN_THRESHOLD = 0.5
OWN_WORDS = "the detector's own calibration"
VALIDATION_WORDS = "the clips of the part val, which are in no figure"


@dataclass(frozen=True)
class Measured:
    """A labelled clip and what was said of it."""

    clip: LabelledClip
    score: Scored

    @property
    def judged(self) -> Judged:
        clip, score = self.clip, self.score
        return Judged(
            clip.name, clip.group, int(clip.fake), score.probability, score.verdict, score.frames, clip.pair,
            clip.method, score.overlap,
        )  # fmt: skip


@dataclass(frozen=True)
class Gathered:
    """All clips that were scored, and sentences on those that could not be.

    Attributes:
        hashes: SHA-256 of each clip's file.
    """

    clips: tuple[Measured, ...]
    failed: tuple[str, ...]
    hashes: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over the clips' own, whatever their order."""
        return hashlib.sha256("".join(sorted(self.hashes)).encode()).hexdigest()


def gather(
    detector: Path,
    clips: Sequence[LabelledClip],
    frames: int,
    cache: Path,
    device: str = "auto",
    workers: int = 2,
    progress: Progress = silent,
) -> Gathered:
    """Score the clips, or take what is known of them.

    Raises:
        InputError: none could be scored. Interrupted: Ctrl-C; the scores made so far are kept.
    """
    jobs = [Job(clip.path, detector, like=clip.like, mask=clip.mask if clip.fake else None) for clip in clips]
    measured, failed, hashes = list[Measured](), list[str](), dict[Path, str]()
    found = score_jobs(jobs, frames, cache, device, workers, progress=progress, hashes=hashes)
    for clip, score in zip(clips, found, strict=True):
        if isinstance(score, str):
            failed.append(f"{clip.name}: {score}")
        else:
            measured.append(Measured(clip, score))
    if not measured:
        raise InputError(f"None of the {len(clips)} clips could be scored: {failed[0]}")
    known = tuple(str(key_of(job, frames, hashes)["clip"]) for job in jobs)
    return Gathered(tuple(measured), tuple(failed), known)


def detector_quality(gathered: Gathered, draws: int = DRAWS) -> dict[str, Any]:
    """The figures of ``counterface evaluate detector --json``, see docs/evaluation.md.

    Clips of the part ``val`` fix the threshold and are in no other figure.

    Raises:
        InputError: nothing is left to measure.
    """
    validation = [one for one in gathered.clips if one.clip.split == "val"]
    counted = [one for one in gathered.clips if one.clip.split != "val"] or list(gathered.clips)
    if len(counted) == len(gathered.clips):
        validation = []
    judged = [one.judged for one in counted]
    kept = scored_clips(judged)
    if not kept:
        raise InputError("No face was found in any of the clips, so there is nothing to measure.")
    table = slice_figures(judged, draws)
    calibration = calibration_figures(judged, draws)
    for name in ("ECE", "Brier", "NLL"):
        key = name.lower()
        table[key] = calibration[f"clip {name}"].value
        table["intervals"][key] = _ends(calibration[f"clip {name}"])
    table["ece_by_chance"] = calibration["clip ECE of a perfect calibration, by chance"].value
    table["frame_calibration"] = {
        name.lower(): _with_interval(calibration[f"frame {name}"])
        for name in ("ECE", "Brier", "NLL")
        if f"frame {name}" in calibration
    }
    label = np.array([one.label for one in kept])
    said = np.array([one.probability for one in kept], dtype=np.float64)
    table["threshold"] = _at_threshold(validation, label, said)
    table["reliability"] = {"clip": _bins(label, said), "frame": _frame_bins(kept)}
    table["risk_coverage"] = _risk(label, said)
    table["abstention"] = _abstention(kept, label, said)
    table["n_clips"] = len(counted)
    table["unscored"] = [one.clip for one in judged if one.probability is None]
    table["failed"] = list(gathered.failed)
    table["splits"] = sorted({one.clip.split for one in counted if one.clip.split})
    table["verdicts"] = {
        name: verdict_counts(one for one in judged if one.label == number)
        for name, number in (("fake", 1), ("real", 0))
    }
    return table | _slices(counted, draws)


def slice_figures(judged: Sequence[Judged], draws: int = DRAWS, frame_draws: int | None = None) -> dict[str, Any]:
    """Clip and frame figures of some clips with their intervals, and how many there are.

    Figures are left out where one class is missing.

    Args:
        frame_draws: of the figures of frames; as many as of clips where nothing is said.
    """
    frames = draws if frame_draws is None else frame_draws
    levels = {"frame": frame_figures(judged, draws=frames), "clip": clip_figures(judged, draws=draws)}
    found: dict[str, Any] = {
        level: {SHORT[name]: one.value for name, one in figures.items()} for level, figures in levels.items()
    }
    found["intervals"] = {
        level: {SHORT[name]: _ends(one) for name, one in figures.items()} for level, figures in levels.items()
    }
    for name, one in (
        ("paired_accuracy", paired_figure(judged, draws)),
        ("heatmap_iou", overlap_figure(judged, draws)),
    ):
        found[name] = None if one is None else one.value
        if one is not None:
            found["intervals"][name] = _ends(one)
    fakes = sum(one.label for one in judged)
    counts = {"n_fake": fakes, "n_real": len(judged) - fakes, "n_frames": sum(len(one.frames) for one in judged)}
    return found | counts | {"draws": {"clip": draws, "frame": frames}}


def _ends(one: Figure) -> list[float] | None:
    return None if np.isnan(one.low) else [one.low, one.high]


def _with_interval(one: Figure) -> dict[str, Any]:
    return {"value": one.value, "interval": _ends(one)}


def _at_threshold(validation: Sequence[Measured], label: np.ndarray, said: np.ndarray) -> dict[str, Any]:
    kept = [one for one in validation if one.score.probability is not None]
    value, words = OWN_THRESHOLD, OWN_WORDS
    if len({one.clip.fake for one in kept}) == 2:
        scores = np.array([one.score.probability for one in kept], dtype=np.float64)
        value, words = best_threshold(np.array([one.clip.fake for one in kept]), scores), VALIDATION_WORDS
    right = round(accuracy(label, said, value) * len(label))
    return {
        "value": value,
        "fixed_on": words,
        "validation_clips": len(kept),
        "accuracy": accuracy(label, said, value),
        "interval": list(clopper_pearson(right, len(label))),
        "balanced_accuracy": balanced_accuracy(label, said, value) if len(np.unique(label)) == 2 else None,
    }


def _bins(label: np.ndarray, said: np.ndarray) -> list[dict[str, float]]:
    """For the plot: fewer bins where there are few clips, for a bin of two says nothing."""
    return [vars(one) for one in reliability(label, said, max(2, min(CALIBRATION_BINS, len(said) // BIN_MASS)))]


def _frame_bins(kept: Sequence[Judged]) -> list[dict[str, float]]:
    said = np.array([p for one in kept for p in one.frames])
    return _bins(np.array([one.label for one in kept for _ in one.frames]), said) if len(said) else []


def _risk(label: np.ndarray, said: np.ndarray) -> dict[str, Any]:
    wrong, sure = (said >= OWN_THRESHOLD) != label, np.abs(said - OWN_THRESHOLD)
    coverage, risk = risk_coverage(wrong, sure)
    return {"coverage": coverage.tolist(), "risk": risk.tolist(), "area": risk_area(wrong, sure)}


def _abstention(kept: Sequence[Judged], label: np.ndarray, said: np.ndarray) -> dict[str, Any]:
    return vars(abstention(label, said, answers(kept)))


def _slices(counted: Sequence[Measured], draws: int) -> dict[str, Any]:
    """The figures again for each method, compression level, face width and attribute."""
    methods = sorted({one.clip.method for one in counted if one.clip.fake})
    found: dict[str, Any] = {
        "by_method": {name: _kind(_of_method(counted, name), draws) for name in methods},
        "by_compression": _by(counted, lambda one: one.clip.level, draws),
        "by_face_size": _by(counted, lambda one: width_class(one.score.width), draws),
    }
    names = sorted({name for one in counted for name in one.clip.attributes})
    found["by_group"] = {
        name: _by(counted, lambda one, name=name: one.clip.attributes.get(name, "not said"), draws)  # type: ignore[misc]
        for name in names
    }
    return found


def _kind(judged: Sequence[Judged], draws: int) -> dict[str, Any]:
    return slice_figures(judged, draws, min(draws, KIND_FRAME_DRAWS))


def _of_method(counted: Sequence[Measured], method: str) -> list[Judged]:
    """The fakes of a method beside their own originals; beside all real clips where none is known."""
    fakes = [one for one in counted if one.clip.fake and one.clip.method == method]
    pairs = {one.clip.pair for one in fakes if one.clip.pair}
    reals = [one for one in counted if not one.clip.fake]
    own = [one for one in reals if one.clip.pair in pairs]
    return [one.judged for one in [*fakes, *(own or reals)]]


def _by(counted: Sequence[Measured], of: Callable[[Measured], str | None], draws: int) -> dict[str, Any]:
    groups: dict[str, list[Judged]] = {}
    for one in counted:
        if (name := of(one)) is not None:
            groups.setdefault(name, []).append(one.judged)
    return {name: _kind(groups[name], draws) for name in sorted(groups, key=_order)}


def _order(name: str) -> tuple[int, str]:
    digits = "".join(filter(str.isdigit, name.split(" ")[0]))
    return int(digits) if digits and not name.startswith("under") else -1, name


def width_class(width: float) -> str | None:
    """Which class of face width, pixels, a face belongs to; None for one that was not found."""
    if width <= 0:
        return None
    if width < WIDTHS[0]:
        return f"under {WIDTHS[0]} px"
    for low, high in pairwise(WIDTHS):
        if width < high:
            return f"{low} to {high} px"
    return f"{WIDTHS[-1]} px and more"
