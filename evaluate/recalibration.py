"""Calibrating a trained detector anew on labelled clips of the user's own: probabilities and abstention, no weights.

A calibration holds for clips like those it was fitted on. Whoever scores one kind of clip, from one camera or one
platform, gets truer probabilities from some dozens of its clips than from the shipped ones.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.atomic import refuse_overwrite
from datasets.errors import InputError
from datasets.progress import Progress, silent
from detect.calibration import Calibration, Platt, fit_calibration, log_odds
from detect.conformal import ERROR, fit_conformal
from detect.detector import TrainedDetector, load_detector, save_detector
from detect.objective import rank_auc
from detect.results import ClipScore
from evaluate.scoreviews import deciding_track

if TYPE_CHECKING:
    from detect.competence import Competence

# From 19 samples a class on an error of 5 % can be promised: 1 / (19 + 1).
FEWEST = 20
FOLDS = 5
CLIP_KIND = "platt"
ASSUMED = "that its people are none of those the detector was trained on is assumed"


@dataclass(frozen=True)
class ClipEvidence:
    """What the detector says of one labelled clip.

    Attributes:
        frames: float64 (N,), log-odds of its frames under the old calibration.
        clip: log-odds of the clip before calibration, None for a detector that calibrates frames alone.
        fake: its label.
    """

    frames: np.ndarray
    clip: float | None
    fake: bool


@dataclass(frozen=True)
class Fitted:
    """Calibrations on top of the old one of frames.

    Attributes:
        frames: of log-odds under the old calibration.
        clips: of clips, None as in :class:`ClipEvidence`.
    """

    frames: Platt
    clips: Calibration | None

    def probability(self, clip: ClipEvidence) -> float:
        """The probability that scoring gives a clip."""
        if self.clips is None or clip.clip is None:
            return float(self.frames.probability(clip.frames).mean())
        return float(self.clips.probability(np.array([clip.clip]))[0])


def calibrate(
    folder: Path,
    real: Sequence[Path],
    fake: Sequence[Path],
    output: Path,
    frames: int = 32,
    finder: str = "mediapipe",
    device: str = "auto",
    force: bool = False,
    fewest: int = FEWEST,
    progress: Progress = silent,
) -> Mapping[str, Any]:
    """Write a copy of a detector whose calibration and conformal thresholds are fitted on these clips.

    The thresholds are cross-fitted: each clip's probability comes from a calibration that did not see that clip.
    Clips without a face, and those outside what the detector knows, are left out: they get no answer anyway.

    Args:
        folder: the detector's.
        real, fake: clips or pictures of each class, one a person as far as there are many people.
        output: a folder; its name becomes the detector's.
        fewest: clips of each class that have to be left.

    Returns:
        The new card; its ``recalibration`` says how many clips there were and what became of them.

    Raises:
        InputError: too few clips, one is in both classes, or the output exists.
    """
    _check(real, fake, output, folder, force, fewest)
    detector = load_detector(folder, device)
    detector.conformal = None
    if detector.clip_calibration is not None:
        detector.clip_calibration = Platt()
    clips, lost = _gather(detector, real, fake, frames, finder, progress)
    for name, label in (("real", False), ("manipulated", True)):
        left = sum(clip.fake == label for clip in clips)
        if left < fewest:
            raise InputError(
                f"Only {left} {name} clips can be used, and {fewest} are needed: {_lost(lost)}. "
                "Give more clips, each with a face that the detector knows."
            )
    whole = _fit(clips)
    card = _card(detector, whole, clips, lost, output.name)
    return save_detector(output, detector.module, card, detector.competence, detector.cue_model)


def _check(real: Sequence[Path], fake: Sequence[Path], output: Path, folder: Path, force: bool, fewest: int) -> None:
    both = {path.resolve() for path in real} & {path.resolve() for path in fake}
    if both:
        raise InputError(f"{sorted(both)[0]} is given as real and as manipulated.")
    if len(real) < fewest or len(fake) < fewest:
        raise InputError(
            f"{len(real)} real and {len(fake)} manipulated clips are too few to calibrate on: {fewest} of each are "
            f"needed, so that an error of {ERROR:.0%} can be promised."
        )
    if output.exists() and output.resolve() == folder.resolve():
        raise InputError(f"{output} is the detector itself, which is kept as it is; choose another folder with -o.")
    refuse_overwrite(output, force)


def _gather(
    detector: TrainedDetector,
    real: Sequence[Path],
    fake: Sequence[Path],
    frames: int,
    finder: str,
    progress: Progress,
) -> tuple[list[ClipEvidence], dict[str, int]]:
    from detect.score import score_many

    paths = [(path, label) for label, held in ((False, real), (True, fake)) for path in held]
    clips: list[ClipEvidence] = []
    lost = {"unreadable": 0, "without a face": 0, "outside what the detector knows": 0}
    progress("scoring the clips", 0, len(paths))
    for done, (path, label) in enumerate(paths, 1):
        (score,) = score_many([path], detector, frames, None, finder)
        if not isinstance(score, ClipScore):
            lost["unreadable"] += 1
        elif (track := deciding_track(score)) is None:
            lost["without a face"] += 1
        elif not _known(detector.competence, track.distance, track.face_width):
            lost["outside what the detector knows"] += 1
        else:
            said = log_odds(np.array([frame.probability for frame in track.frames]))
            pooled = None if detector.clip_calibration is None else float(log_odds(np.array(track.probability)))
            clips.append(ClipEvidence(said, pooled, label))
        progress("scoring the clips", done, len(paths), path.name)
    return clips, lost


def _known(competence: Competence, distance: float, width: float) -> bool:
    return distance <= 1 and width >= competence.face_width[0]


def _lost(lost: Mapping[str, int]) -> str:
    said = [f"{count} are {why}" for why, count in lost.items() if count]
    return ", ".join(said) or "none was left out"


def _fit(clips: Sequence[ClipEvidence]) -> Fitted:
    frames = np.concatenate([clip.frames for clip in clips])
    label = np.concatenate([np.full(len(clip.frames), clip.fake) for clip in clips])
    group = np.concatenate([np.full(len(clip.frames), number) for number, clip in enumerate(clips)])
    fitted = fit_calibration("platt", frames, label, group)
    assert isinstance(fitted, Platt)
    pooled = [clip.clip for clip in clips if clip.clip is not None]
    if len(pooled) < len(clips):
        return Fitted(fitted, None)
    of_clips = fit_calibration(
        CLIP_KIND, np.array(pooled), np.array([clip.fake for clip in clips]), np.arange(len(clips))
    )
    return Fitted(fitted, of_clips)


def cross_fitted(clips: Sequence[ClipEvidence], folds: int = FOLDS) -> np.ndarray:
    """float64 (N,): each clip's probability under a calibration fitted on the other folds; classes spread evenly."""
    fold = np.empty(len(clips), dtype=int)
    for label in (False, True):
        own = [i for i, clip in enumerate(clips) if clip.fake == label]
        fold[own] = np.arange(len(own)) % folds
    found = np.empty(len(clips))
    for number in range(folds):
        fitted = _fit([clip for clip, f in zip(clips, fold, strict=True) if f != number])
        for i in np.flatnonzero(fold == number).tolist():
            found[i] = fitted.probability(clips[i])
    return found


def composed(first: Platt, second: Platt) -> Platt:
    """One calibration in place of two: ``second`` fitted on the log-odds that ``first`` gives, its uncertainty kept."""
    turn = np.array([[first.slope, 0.0], [first.offset, 1.0]])
    (a, b), (c, d) = (turn @ np.asarray(second.covariance) @ turn.T).tolist()
    slope, offset = second.slope * first.slope, second.slope * first.offset + second.offset
    return replace(second, slope=slope, offset=offset, covariance=((a, b), (c, d)))


def _card(
    detector: TrainedDetector, fitted: Fitted, clips: Sequence[ClipEvidence], lost: Mapping[str, int], name: str
) -> dict[str, Any]:
    label = np.array([clip.fake for clip in clips])
    apart = cross_fitted(clips)
    said = f"{int((~label).sum())} real and {int(label.sum())} manipulated clips of the user's own; {ASSUMED}"
    card = dict(detector.card) | {
        "name": name,
        "calibration": composed(detector.calibration, fitted.frames).to_card(),
        "conformal": fit_conformal(apart, label).to_card(),
        "calibrated_on": said,
        "recalibration": {
            "of": detector.card["name"],
            "date": dt.date.today().isoformat(),
            "real": int((~label).sum()),
            "manipulated": int(label.sum()),
            "left_out": dict(lost),
            "folds": FOLDS,
            "auc": rank_auc(apart, label),
            "brier": float(((apart - label) ** 2).mean()),
        },
    }
    if fitted.clips is not None:
        card["clip_calibration"] = fitted.clips.to_card()
    return card


def labelled_clips(folder: Path) -> tuple[list[Path], list[Path]]:
    """(real, manipulated) clips of a folder: of its folders ``real`` and ``fake``, else by their Content Credentials.

    Raises:
        InputError: no folder, or no clip in it says what it is.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder of labelled clips.")
    if (folder / "real").is_dir() and (folder / "fake").is_dir():
        return media(folder / "real"), media(folder / "fake")
    real: list[Path] = []
    fake: list[Path] = []
    for path, synthetic in _by_credentials(folder):
        (fake if synthetic else real).append(path)
    if not real and not fake:
        raise InputError(
            f"{folder} has no folders named real and fake, and no clip in it says in Content Credentials of a "
            "Counterface studio what it is."
        )
    return real, fake


def _by_credentials(folder: Path) -> Iterator[tuple[Path, bool]]:
    from datasets.labelled import ORIGINAL
    from datasets.provenance.reading import read_credentials

    for path in media(folder):
        said = read_credentials(path)
        if said.by_studio and (said.synthetic or said.kind == ORIGINAL):
            yield path, bool(said.synthetic)


def media(place: Path) -> list[Path]:
    """The clips and pictures of a folder and the folders below it, in order; of a file that file alone.

    Swap masks (``NAME_mask.mkv``) are none.
    """
    from datasets.footage import CLIPS
    from datasets.video import PICTURES

    place = Path(place)
    if not place.exists():
        raise InputError(f"There is no {place}.")
    if place.is_file():
        return [place]
    return [
        path
        for path in sorted(place.rglob("*"))
        if path.is_file()
        and path.suffix.lower() in CLIPS | PICTURES
        and not path.name.startswith(".")
        and not path.stem.endswith("_mask")
    ]
