"""How good a detector is, of labelled clips that it scored: the figures the field reports, each with its interval.

Clip level and frame level are kept apart: a mean over frames is worth several points of AUC, and published figures
are of either kind.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.atomic import write_text
from datasets.errors import InputError
from evaluate.intervals import DRAWS, clopper_pearson
from evaluate.metrics import abstention, brier, ece, ece_by_chance, nll, paired_accuracy
from evaluate.resampled import (
    CURVE,
    Resampled,
    curve_draws,
    ece_draws,
    interval,
    mean_draws,
    resample,
    weighted_curve,
)

VERDICTS = ("manipulated", "no manipulation found", "cannot tell")


@dataclass(frozen=True)
class Judged:
    """What a detector said of one labelled clip.

    Attributes:
        clip: its name.
        group: what is drawn together for an interval: the pair, or the person.
        label: 1 manipulated, 0 real.
        probability: of the clip; None where no face was found.
        verdict: one of ``VERDICTS``.
        frames: probabilities of its frames.
        pair: what a fake and its own original have in common, or "".
        kind: method, compression or identity, for figures by kind.
        overlap: of a fake, the IoU of heatmap and true mask, a value a frame.
    """

    clip: str
    group: str
    label: int
    probability: float | None
    verdict: str
    frames: tuple[float, ...] = ()
    pair: str = ""
    kind: str = ""
    overlap: tuple[float, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A figure and its 95 % interval, NaN where there is none."""

    value: float
    low: float = float("nan")
    high: float = float("nan")

    def __str__(self) -> str:
        if np.isnan(self.low):
            return f"{self.value:.3f} (no interval)"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    def to_json(self) -> dict[str, Any]:
        """JSON values; None stands for NaN."""
        return {name: None if np.isnan(v) else round(v, 4) for name, v in asdict(self).items()}


def figure(value: float, draws: np.ndarray, drawn: Resampled) -> Figure:
    """A figure with the interval of its draws; none where there is one group alone."""
    return Figure(value, *interval(draws, value)) if drawn.known else Figure(value)


def curve_figures(
    label: np.ndarray,
    score: np.ndarray,
    groups: Sequence[str],
    only: Collection[str] = CURVE,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Figure]:
    """AUC, AP, EER and TPR at 1 % and 5 % FPR of labels and scores (N,), or those named; empty with one class alone.

    Args:
        groups: (N,), what is drawn together for the intervals.

    Raises:
        ValueError: a score that is no number.
    """
    if np.unique(label).size < 2:
        return {}
    drawn = resample(groups, draws, seed)
    values = weighted_curve(label, score, np.ones((1, len(label))))
    spread = curve_draws(label, score, drawn)
    return {name: figure(float(values[name][0]), spread[name], drawn) for name in CURVE if name in only}


def scored_clips(judged: Iterable[Judged]) -> list[Judged]:
    """Those that have a score: a clip without a face has none, and is counted by its verdict alone."""
    return [one for one in judged if one.probability is not None]


def clip_figures(judged: Sequence[Judged], only: Collection[str] = CURVE, draws: int = DRAWS) -> dict[str, Figure]:
    """AUC, AP, EER and TPR at 1 % and 5 % FPR of clips, or those named; empty where one class is missing."""
    kept = scored_clips(judged)
    label, score = np.array([one.label for one in kept]), np.array([one.probability for one in kept], dtype=np.float64)
    return curve_figures(label, score, [one.group for one in kept], only, draws)


def frame_figures(judged: Sequence[Judged], only: Collection[str] = CURVE, draws: int = DRAWS) -> dict[str, Figure]:
    """The same of single frames; intervals still draw whole groups of clips."""
    label = np.array([one.label for one in judged for _ in one.frames])
    score = np.array([p for one in judged for p in one.frames])
    return curve_figures(label, score, [one.group for one in judged for _ in one.frames], only, draws)


def couples(judged: Sequence[Judged]) -> list[tuple[Judged, Judged]]:
    """(fake, its own original) of every pair whose two clips both have a score."""
    kept = scored_clips(judged)
    originals = {one.pair: one for one in kept if one.label == 0 and one.pair}
    return [(one, originals[one.pair]) for one in kept if one.label == 1 and one.pair in originals]


def paired_figure(judged: Sequence[Judged], draws: int = DRAWS) -> Figure | None:
    """Share of fakes scored above their own originals, ties half; None without pairs."""
    both = couples(judged)
    if not both:
        return None
    fake, real = (np.array([pair[i].probability for pair in both], dtype=np.float64) for i in (0, 1))
    drawn = resample([f.group for f, _ in both], draws)
    above = (fake > real) + 0.5 * (fake == real)
    return figure(paired_accuracy(fake, real), mean_draws(above, drawn), drawn)


def overlap_figure(judged: Sequence[Judged], draws: int = DRAWS) -> Figure | None:
    """Mean over clips of the mean IoU of heatmap and true mask over their frames; None where no mask was given."""
    kept = [one for one in judged if one.overlap]
    if not kept:
        return None
    values = np.array([np.mean(one.overlap) for one in kept])
    drawn = resample([one.group for one in kept], draws)
    return figure(float(values.mean()), mean_draws(values, drawn), drawn)


def verdict_counts(judged: Iterable[Judged]) -> dict[str, int]:
    """How often each verdict was given."""
    said = [one.verdict for one in judged]
    return {verdict: said.count(verdict) for verdict in VERDICTS}


def share_of_verdict(judged: Sequence[Judged], verdict: str) -> Figure:
    """Share of clips with that verdict, with its exact interval; all clips count, those without a face too."""
    hits = sum(one.verdict == verdict for one in judged)
    return Figure(hits / len(judged), *clopper_pearson(hits, len(judged)))


def answers(judged: Sequence[Judged]) -> np.ndarray:
    """Verdicts as float64 (N,): 1 manipulated, 0 no manipulation found, NaN cannot tell."""
    meant = {"manipulated": 1.0, "no manipulation found": 0.0}
    return np.array([meant.get(one.verdict, np.nan) for one in judged])


def calibration_figures(judged: Sequence[Judged], draws: int = DRAWS) -> dict[str, Figure]:
    """ECE, Brier, NLL of clips and frames, and error and coverage with abstention, of clips that have a score.

    The error with abstention is left out where nothing was answered.
    """
    kept = scored_clips(judged)
    if not kept:
        raise InputError("None of these clips has a score.")
    label, score = np.array([one.label for one in kept]), np.array([one.probability for one in kept], dtype=np.float64)
    answer, drawn = answers(kept), resample([one.group for one in kept], draws)
    found = {f"clip {name}": value for name, value in proper_figures(label, score, drawn).items()}
    found["clip ECE of a perfect calibration, by chance"] = Figure(ece_by_chance(score))
    frame_label = np.array([one.label for one in kept for _ in one.frames])
    frame_score = np.array([p for one in kept for p in one.frames])
    if len(frame_score):
        by_frame = resample([one.group for one in kept for _ in one.frames], draws)
        found |= {f"frame {name}": v for name, v in proper_figures(frame_label, frame_score, by_frame).items()}
    said = abstention(label, score, answer)
    wrong = ((score >= 0.5) != label).astype(np.float64)
    wrong_answer = np.where(np.isnan(answer), np.nan, answer != label)
    found["error when all are answered"] = figure(said.error_of_all, mean_draws(wrong, drawn), drawn)
    if said.error is not None:
        found["error of what is answered"] = figure(said.error, mean_draws(wrong_answer, drawn), drawn)
    found["coverage"] = figure(said.coverage, mean_draws((~np.isnan(answer)).astype(np.float64), drawn), drawn)
    return found


def proper_figures(label: np.ndarray, probability: np.ndarray, drawn: Resampled) -> dict[str, Figure]:
    """ECE, Brier score and NLL of labels and probabilities (N,), with intervals."""
    squares = (np.asarray(probability) - label) ** 2
    tiny = np.finfo(np.float64).eps
    sure = np.clip(np.where(np.asarray(label) == 1, probability, 1 - np.asarray(probability)), tiny, 1)
    return {
        "ECE": figure(ece(label, probability), ece_draws(label, probability, drawn), drawn),
        "Brier": figure(brier(label, probability), mean_draws(squares, drawn), drawn),
        "NLL": figure(nll(label, probability), mean_draws(-np.log(sure), drawn), drawn),
    }


def write_judged(path: Path, judged: Iterable[Judged]) -> None:
    """Write what was said, a JSON line a clip."""
    write_text(path, "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in judged))


def read_judged(path: Path) -> list[Judged]:
    """Read such a file. Raises InputError when it is missing or holds something else."""
    try:
        rows = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
        found = [Judged(**row | {"frames": tuple(row["frames"]), "overlap": tuple(row["overlap"])}) for row in rows]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no file of scores; make one with --scores.") from error
    if not found:
        raise InputError(f"{path} holds no scores.")
    return found
