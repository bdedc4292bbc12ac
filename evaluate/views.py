"""The same moment of a swap in four pictures: original, swap, true swap mask, heatmap."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.errors import InputError
from datasets.provenance.badge import badge_box
from datasets.provenance.writer import Ingredient, Making, picture_bytes
from datasets.video import Frame, frames_at, timestamps
from evaluate.heatmaps import lay_over
from evaluate.results import FrameScore, Results

CLOSE_UPS = (1.9, 1.7, 1.5, 1.35, 1.2)
LEAST_SIDE = 96


@dataclass(frozen=True)
class View:
    """One moment.

    Attributes:
        index, time: frame number from 0, seconds.
        original, swap: uint8 RGB HxWx3; the swap carries the badge that was burned in.
        mask: uint8 HxW, the true swap mask, 255 where the picture was replaced, or None.
        heat: float32 HxW in [0, 1], or None where the detector explained nothing.
        scores: of this frame, or None where it was not scored.
    """

    index: int
    time: float
    original: np.ndarray
    swap: np.ndarray
    mask: np.ndarray | None
    heat: np.ndarray | None
    scores: FrameScore | None

    @property
    def overlay(self) -> np.ndarray:
        """The swap in grey with the heat on it, uint8 RGB HxWx3. A synthetic picture: it needs the marks."""
        return lay_over(self.swap, self.heat)


def moments(results: Results) -> np.ndarray:
    """Times of the swap's frames, float64 seconds (N,)."""
    return timestamps(results.video)


def views(results: Results, indices: list[int], times: np.ndarray | None = None) -> Iterator[View]:
    """The four pictures of each of these ascending frame numbers.

    Raises:
        InputError: a clip is missing, damaged, or has fewer frames than asked for.
    """
    reel = Reel(results, moments(results) if times is None else times)
    for index in indices:
        yield reel.at(index)


class Reel:
    """Any moment of a swap; the decoders stay where they are, so that the next frame costs one frame.

    Several threads may share it, one at a time.

    Args:
        times: of the swap's frames, seconds.
    """

    def __init__(self, results: Results, times: np.ndarray) -> None:
        self.results, self.times = results, times
        self._lock = threading.Lock()
        self._wanted: list[list[int]] = []
        self._frames: list[Iterator[Frame] | None] = []
        self._at = -1

    def at(self, index: int) -> View:
        """The four pictures of a frame. Raises InputError as :func:`views` does."""
        with self._lock:
            try:
                if index <= self._at or not self._frames:
                    self._open(index)
                for wanted in self._wanted:
                    wanted.append(index)
                before, swap, covered = (None if one is None else next(one, None) for one in self._frames)
                self._at = index
            except BaseException:
                self._frames, self._at = [], -1
                raise
        if before is None or swap is None:
            raise InputError(f"{self.results.video} or its original has no frame {index}; merge the swap again.")
        results, (height, width) = self.results, swap.image.shape[:2]
        heat = results.heatmaps.on_frame(swap.time, width, height) if results.heatmaps else None
        scores = results.scores.at(swap.index) if results.scores else None
        matte = None if covered is None else covered.image[..., 0]
        return View(swap.index, swap.time, before.image, swap.image, matte, heat, scores)

    def _open(self, index: int) -> None:
        original, mask = self.results.workspace.clip("destination"), self.results.mask
        self._wanted = [[], [], []]
        fed = [_fed(wanted) for wanted in self._wanted]
        self._frames = [
            _picked(original, fed[0], index),
            frames_at(self.results.video, fed[1], self.times),
            _picked(mask, fed[2], index) if mask.is_file() else None,
        ]


def _fed(wanted: list[int]) -> Iterator[int]:
    while wanted:
        yield wanted.pop(0)


def _picked(path: Path, indices: Iterator[int], most: int) -> Iterator[Frame]:
    times = timestamps(path)
    if most >= len(times):
        raise InputError(f"{path} has {len(times)} frames, fewer than the swap; merge the swap again.")
    return frames_at(path, indices, times)


def chosen(results: Results, count: int, frames: int) -> list[int]:
    """``count`` frame numbers spread evenly over those whose scores count, else over the clip."""
    counted = results.scores.counted if results.scores is not None else ()
    pool = np.array([f.index for f in counted]) if counted else np.arange(frames)
    if results.heatmaps is not None and (explained := np.intersect1d(pool, results.heatmaps.index)).size:
        pool = explained
    pool = np.unique(pool[pool < frames])
    if len(pool) <= count:
        return pool.tolist()
    return pool[((np.arange(count) + 0.5) * len(pool) / count).astype(int)].tolist()


def close_ups(picked: Sequence[View]) -> list[tuple[int, int, int, int]]:
    """A square around the face in each view, xyxy pixels inside the frame, all with the same margin.

    The widest margin is taken that keeps clear of the badge in the frame's corner, so that no cut badge is shown.
    """
    squares: list[tuple[int, int, int, int]] = []
    for margin in CLOSE_UPS:
        squares = [_square(view, margin) for view in picked]
        corners = [badge_box(view.swap.shape[1], view.swap.shape[0]) for view in picked]
        if all(s[2] <= c[0] or s[1] >= c[3] for s, c in zip(squares, corners, strict=True)):
            break
    return squares


def _square(view: View, margin: float) -> tuple[int, int, int, int]:
    """Around the scored box, else the mask, else the middle of the frame."""
    height, width = view.swap.shape[:2]
    box: tuple[float, float, float, float] = (width / 4, height / 4, width * 3 / 4, height * 3 / 4)
    if view.scores is not None and view.scores.box is not None:
        box = view.scores.box
    elif view.mask is not None and (view.mask > 127).any():
        rows, columns = np.flatnonzero((view.mask > 127).any(1)), np.flatnonzero((view.mask > 127).any(0))
        box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    side = round(min(max(margin * max(box[2] - box[0], box[3] - box[1]), LEAST_SIDE), width, height))
    x0 = round(float(np.clip((box[0] + box[2]) / 2 - side / 2, 0, width - side)))
    y0 = round(float(np.clip((box[1] + box[3]) / 2 - side / 2, 0, height - side)))
    return x0, y0, x0 + side, y0 + side


def making(results: Results, title: str) -> Making:
    """What the marks of a picture or a video made for a report say about it."""
    return Making(
        title=title,
        method=str((results.result.get("method") or {}).get("name") or "face swap"),
        consent=results.workspace.require_consent(),
        ingredients=(Ingredient(results.video, "the swap", "parentOf"),),
        settings={},
        kind="report",
    )


def original_picture(results: Results, image: np.ndarray, quality: int = 88) -> bytes:
    """A JPEG of a frame of the original; marked like the swap's when the original is synthetic itself.

    Args:
        image: uint8 RGB HxWx3.
    """
    if results.original_is_synthetic:
        return picture_bytes(image, making(results, "Frame of the original, which is synthetic too"), quality=quality)
    return plain_picture(image, quality)


def plain_picture(image: np.ndarray, quality: int = 88) -> bytes:
    """A JPEG of a picture without a synthetic face: a filmed frame, or a mask. Swaps go through the writer.

    Args:
        image: uint8 RGB HxWx3 or grey HxW.
    """
    import cv2

    coded = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", coded, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def outline(mask: np.ndarray) -> bytes:
    """The border of a swap mask at one half as a PNG of its size, clear elsewhere, to be laid over a frame.

    Args:
        mask: uint8 HxW, 255 where the picture was replaced.
    """
    import cv2

    borders, _ = cv2.findContours((mask > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    line = max(1, round(min(mask.shape[:2]) / 320))
    drawn = np.zeros((*mask.shape[:2], 4), np.uint8)
    # A light line on a dark one, to be seen on anything.
    cv2.drawContours(drawn, borders, -1, (10, 10, 10, 255), 3 * line, cv2.LINE_AA)
    cv2.drawContours(drawn, borders, -1, (255, 255, 255, 255), line, cv2.LINE_AA)
    return cv2.imencode(".png", drawn)[1].tobytes()
