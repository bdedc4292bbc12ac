"""How detectable is a swap: its score minus the score of its own original, frame for frame.

The crops of both are cut with one affine, found in the original, so that only the pixels differ. A swap has been
through the studio's encoder once more than its original: unless told otherwise the original is sent through the same
encoder first, or the difference would measure the encoder too; and where the swap carries the studio's marks, so does
the original then.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.encode import DEFAULT_CRF
from datasets.errors import InputError
from datasets.progress import Progress, counted, silent
from detect.results import Heatmap
from evaluate.matching import MatchedCrops, carries_marks, encode_part, matched, matched_crops
from evaluate.metrics import block_bootstrap, iou, pointing_game

if TYPE_CHECKING:
    from detect.detector import Detector

IOU_THRESHOLD = 0.5
BATCH = 16
MASK_FLOOR = 0.02


@dataclass(frozen=True)
class PairedFrame:
    """One frame of the swap and of its original.

    Attributes:
        fake, original: calibrated probabilities.
        heatmap_iou, heatmap_iou_soft: of the swap's heatmap with the swap mask, cut and uncut; None without a mask, or
            where nothing was swapped.
        on_target: whether the heatmap's peak lies in the mask, or None likewise.
    """

    index: int
    time: float
    fake: float
    original: float
    heatmap_iou: float | None = None
    heatmap_iou_soft: float | None = None
    on_target: bool | None = None


@dataclass(frozen=True)
class Detectability:
    """The paired score of a swap.

    Attributes:
        fake, original: mean probabilities over the same frames.
        value: their difference.
        interval: 95 %, of the paired difference, by blocks of one second.
        heatmap_iou: mean over the frames in which something was swapped, both cut at ``IOU_THRESHOLD``, or None.
        heatmap_iou_soft: the same without a cut.
        pointing: share of these frames in which the heatmap's peak lies in the mask, or None.
        start, stop: of the part that was looked at, seconds.
        frames_without_face: frames of that part in whose original no face was found; they are left out.
        equalised: the encoder that the original was sent through, or None.
        notes: what a reader should know.
        heatmaps: of the swap, one for each frame.
    """

    fake: float
    original: float
    value: float
    interval: tuple[float, float]
    heatmap_iou: float | None
    heatmap_iou_soft: float | None
    pointing: float | None
    start: float
    stop: float
    frames: tuple[PairedFrame, ...]
    frames_without_face: int
    equalised: dict[str, Any] | None
    detector: dict[str, Any]
    notes: tuple[str, ...]
    heatmaps: tuple[Heatmap, ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        """The object that ``counterface detectability --json`` writes."""
        return {
            "fake": _rounded(self.fake),
            "original": _rounded(self.original),
            "detectability": _rounded(self.value),
            "interval": [_rounded(v) for v in self.interval],
            "heatmap_iou": _rounded(self.heatmap_iou),
            "heatmap_iou_soft": _rounded(self.heatmap_iou_soft),
            "heatmap_iou_threshold": IOU_THRESHOLD,
            "pointing_game": _rounded(self.pointing),
            "start": round(self.start, 3),
            "stop": round(self.stop, 3),
            "frames_without_face": self.frames_without_face,
            "equalised": self.equalised,
            "detector": self.detector,
            "notes": list(self.notes),
            "frames": [
                {
                    "index": f.index,
                    "time": round(f.time, 4),
                    "fake": _rounded(f.fake),
                    "original": _rounded(f.original),
                    "heatmap_iou": _rounded(f.heatmap_iou),
                    "heatmap_iou_soft": _rounded(f.heatmap_iou_soft),
                    "on_target": f.on_target,
                }
                for f in self.frames
            ],
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def detectability(
    fake: Path,
    original: Path,
    detector: Detector,
    mask: Path | None = None,
    frames: int = 64,
    start: float | None = None,
    stop: float | None = None,
    equalise: bool = True,
    crf: int = DEFAULT_CRF,
    finder: str = "mediapipe",
    progress: Progress = silent,
) -> Detectability:
    """Score a swap against its own original.

    Args:
        mask: the swap mask, a lossless grey clip of the same frames, 255 where all was changed.
        frames: how many, spread evenly over the part.
        start, stop: seconds; only this part is looked at: the one that the detector was not trained on.
        equalise: send the original through the encoder of the studio, at ``crf``, before it is scored.

    Raises:
        InputError: a clip is missing or damaged, the clips are not frame for frame the same, the part is empty, or no
            face is in the original there.
    """
    from datasets.faces.finder import make_finder

    fake, original = Path(fake), Path(original)
    info, times = matched(fake, original, mask)
    inside = np.flatnonzero(
        (times >= (-np.inf if start is None else start)) & (times < (np.inf if stop is None else stop))
    )
    if not len(inside):
        raise InputError(f"{original} has no frames between {start or 0:.1f} and {stop or times[-1]:.1f} s.")
    count = min(max(1, frames), len(inside))
    chosen = inside[((np.arange(count) + 0.5) * len(inside) / count).astype(int)].tolist()
    backend = make_finder(finder)
    with tempfile.TemporaryDirectory(prefix="counterface-") as folder:
        try:
            scored = original
            if equalise:
                scored = Path(folder) / "original.mp4"
                encode_part(original, info, times, chosen, scored, crf, progress, mark=carries_marks(fake, progress))
            crops = matched_crops(fake, original, scored, mask, chosen, times, backend, detector)
            kept, heatmaps = _score(counted(crops, "scoring the pair", count, progress), detector)
        finally:
            backend.close()
    if not kept:
        raise InputError(f"No face was found in the {count} frames of {original} that were looked at.")
    return _summary(kept, heatmaps, count, detector, times, chosen, crf if equalise else None)


def _score(crops: Iterator[MatchedCrops], detector: Detector) -> tuple[list[PairedFrame], list[Heatmap]]:
    kept: list[PairedFrame] = []
    heatmaps: list[Heatmap] = []
    batch: list[MatchedCrops] = []

    def flush() -> None:
        if not batch:
            return
        crops = np.stack([c.fake for c in batch] + [c.original for c in batch])
        cues = [c for c in [c.fake_cues for c in batch] + [c.original_cues for c in batch] if c is not None]
        scores = detector.score(crops, np.stack(cues)) if cues else detector.score(crops)
        for i, crop in enumerate(batch):
            probability, own = float(scores.probability[i]), float(scores.probability[len(batch) + i])
            heat = None if scores.heatmap is None else scores.heatmap[i]
            kept.append(PairedFrame(crop.index, crop.time, probability, own, *_against(heat, crop.mask)))
            if heat is not None:
                heatmaps.append(Heatmap(crop.index, crop.time, 0, heat.copy(), crop.affine, len(crop.fake)))
        batch.clear()

    for crop in crops:
        batch.append(crop)
        if len(batch) == BATCH:
            flush()
    flush()
    return kept, heatmaps


def _against(heat: np.ndarray | None, mask: np.ndarray | None) -> tuple[float | None, float | None, bool | None]:
    """(IoU, soft IoU, peak in the mask) of a heatmap and a crop's mask, or Nones where there is nothing to compare."""
    import cv2

    if heat is None or mask is None or float(mask.mean()) < MASK_FLOOR:
        return None, None, None
    side = mask.shape[0]
    fine = cv2.resize(heat, (side, side), interpolation=cv2.INTER_LINEAR)
    return iou(fine, mask, IOU_THRESHOLD), iou(fine, mask, None), pointing_game(fine, mask, IOU_THRESHOLD)


def _summary(
    kept: list[PairedFrame],
    heatmaps: list[Heatmap],
    looked: int,
    detector: Detector,
    times: np.ndarray,
    chosen: list[int],
    crf: int | None,
) -> Detectability:
    fake, original = np.array([f.fake for f in kept]), np.array([f.original for f in kept])
    at = np.array([f.time for f in kept])
    overlaps = [f.heatmap_iou for f in kept if f.heatmap_iou is not None]
    soft = [f.heatmap_iou_soft for f in kept if f.heatmap_iou_soft is not None]
    hits = [f.on_target for f in kept if f.on_target is not None]
    notes = []
    if crf is None:
        notes.append("The original was scored as it is: the difference holds the encoder's traces too.")
    if np.ptp(at) < 2:
        notes.append("The part is shorter than 2 s: the interval rests on few independent moments.")
    return Detectability(
        fake=float(fake.mean()),
        original=float(original.mean()),
        value=float(fake.mean() - original.mean()),
        interval=block_bootstrap(fake - original, at),
        heatmap_iou=float(np.mean(overlaps)) if overlaps else None,
        heatmap_iou_soft=float(np.mean(soft)) if soft else None,
        pointing=float(np.mean(hits)) if hits else None,
        start=float(times[chosen[0]]),
        stop=float(times[chosen[-1]]),
        frames=tuple(kept),
        frames_without_face=looked - len(kept),
        equalised=None if crf is None else {"codec": "libx264", "crf": crf, "preset": "veryfast"},
        detector={key: detector.card[key] for key in ("name", "version", "calibrated_on")},
        notes=tuple(notes),
        heatmaps=tuple(heatmaps),
    )
