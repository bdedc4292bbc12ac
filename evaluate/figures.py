"""How good a detector is, of labelled clips that it scored: the figures the field reports, each with its interval.

Clip level and frame level are kept apart: a mean over frames is worth several points of AUC, and published figures
are of either kind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from datasets.atomic import write_text
from datasets.errors import InputError
from evaluate.intervals import DRAWS, bootstrap, clopper_pearson
from evaluate.metrics import (
    abstention,
    auc,
    average_precision,
    brier,
    ece,
    ece_by_chance,
    eer,
    nll,
    paired_accuracy,
    tpr_at_fpr,
)

VERDICTS = ("manipulated", "no manipulation found", "cannot tell")
RATES = (0.01, 0.05)


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


Statistic = Callable[[np.ndarray, np.ndarray], float]


CURVE: dict[str, Statistic] = {"AUC": auc, "AP": average_precision, "EER": eer}
CURVE |= {f"TPR at {rate:.0%} FPR": partial(tpr_at_fpr, fpr=rate) for rate in RATES}


def _curve_figures(
    label: np.ndarray, score: np.ndarray, groups: Sequence[str], only: Collection[str], draws: int
) -> dict[str, Figure]:
    if np.unique(label).size < 2:
        return {}

    def of(statistic: Statistic) -> Figure:
        interval = bootstrap(lambda rows: statistic(label[rows], score[rows]), groups, draws)
        return Figure(statistic(label, score), *interval)

    return {name: of(statistic) for name, statistic in CURVE.items() if name in only}


def scored_clips(judged: Iterable[Judged]) -> list[Judged]:
    """Those that have a score: a clip without a face has none, and is counted by its verdict alone."""
    return [one for one in judged if one.probability is not None]


def clip_figures(judged: Sequence[Judged], only: Collection[str] = CURVE, draws: int = DRAWS) -> dict[str, Figure]:
    """AUC, AP, EER and TPR at 1 % and 5 % FPR of clips, or those named; empty where one class is missing."""
    kept = scored_clips(judged)
    label, score = np.array([one.label for one in kept]), np.array([one.probability for one in kept], dtype=np.float64)
    return _curve_figures(label, score, [one.group for one in kept], only, draws)


def frame_figures(judged: Sequence[Judged], only: Collection[str] = CURVE, draws: int = DRAWS) -> dict[str, Figure]:
    """The same of single frames; intervals still draw whole groups of clips."""
    label = np.array([one.label for one in judged for _ in one.frames])
    score = np.array([p for one in judged for p in one.frames])
    return _curve_figures(label, score, [one.group for one in judged for _ in one.frames], only, draws)


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
    interval = bootstrap(lambda rows: paired_accuracy(fake[rows], real[rows]), [f.group for f, _ in both], draws)
    return Figure(paired_accuracy(fake, real), *interval)


def overlap_figure(judged: Sequence[Judged], draws: int = DRAWS) -> Figure | None:
    """Mean over clips of the mean IoU of heatmap and true mask over their frames; None where no mask was given."""
    kept = [one for one in judged if one.overlap]
    if not kept:
        return None
    values = np.array([np.mean(one.overlap) for one in kept])
    return Figure(
        float(values.mean()), *bootstrap(lambda rows: float(values[rows].mean()), [one.group for one in kept], draws)
    )


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
    groups, answer = [one.group for one in kept], answers(kept)

    def of(statistic: Callable[[np.ndarray], float], names: Sequence[str] = groups) -> Figure:
        return Figure(statistic(np.arange(len(names))), *bootstrap(statistic, names, draws))

    def without_answer(rows: np.ndarray) -> float:
        error = abstention(label[rows], score[rows], answer[rows]).error
        return float("nan") if error is None else error

    found = {f"clip {name}": of(lambda r, f=f: f(label[r], score[r])) for name, f in _PROPER.items()}  # type: ignore[misc]
    found["clip ECE of a perfect calibration, by chance"] = Figure(ece_by_chance(score))
    frame_label = np.array([one.label for one in kept for _ in one.frames])
    frame_score = np.array([p for one in kept for p in one.frames])
    owners = [one.group for one in kept for _ in one.frames]
    if owners:
        for name, f in _PROPER.items():
            found[f"frame {name}"] = of(lambda r, f=f: f(frame_label[r], frame_score[r]), owners)  # type: ignore[misc]
    found["error when all are answered"] = of(lambda r: abstention(label[r], score[r], answer[r]).error_of_all)
    if not np.isnan(answer).all():
        found["error of what is answered"] = of(without_answer)
    found["coverage"] = of(lambda r: abstention(label[r], score[r], answer[r]).coverage)
    return found


_PROPER: dict[str, Statistic] = {"ECE": ece, "Brier": brier, "NLL": nll}


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
