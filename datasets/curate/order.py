"""Putting the faces of a set in an order. Files are never renamed: their names tie a face to its frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from datasets.curate.figures import Figures
from datasets.errors import InputError
from datasets.progress import Progress, silent

CELL_DEGREES = 7.5
EYES_STEP, MOUTH_STEP = 0.08, 0.15
DIMENSIONS = 32


@dataclass(frozen=True)
class Order:
    """Faces in an order.

    Attributes:
        by: what they are ordered by, a name of ``ORDERS``.
        index: int64 (N,), places in the ``Figures``, the end that is usually thrown out last.
        figure: float64 (N,), the figure of each, in this order; nan where a face has none.
        unit: what the figure is, in a few words.
    """

    by: str
    index: np.ndarray
    figure: np.ndarray
    unit: str


def order(figures: Figures, by: str, progress: Progress = silent) -> Order:
    """Order the faces of a set.

    Args:
        by: a name of ``ORDERS``.

    Raises:
        InputError: there is no such order.
    """
    refuse_unknown(by)
    unit, make = ORDERS[by]
    index, figure = make(figures, progress)
    return Order(by, index.astype(np.int64), np.asarray(figure, np.float64), unit)


def refuse_unknown(by: str) -> None:
    """Raise InputError when there is no order of that name."""
    if by not in ORDERS:
        raise InputError(f"Faces can't be sorted by {by!r}; there are: {', '.join(ORDERS)}.")


_Made = tuple[np.ndarray, np.ndarray]


def _by_figure(name: str, falling: bool) -> Callable[[Figures, Progress], _Made]:
    def make(figures: Figures, progress: Progress) -> _Made:
        values = np.asarray(getattr(figures, name), np.float64)
        # Stable, so that equals stay in frame order; faces without the figure (nan) go last.
        index = np.argsort(-values if falling else values, kind="stable")
        return index, values[index]

    return make


def look(figures: Figures) -> np.ndarray:
    """What the faces look like, float32 (N, at most 32): their thumbnails' principal components, in L*a*b* units."""
    flat = figures.thumb.astype(np.float32) * (100 / 255)
    flat -= flat.mean(axis=0)
    count = min(DIMENSIONS, *flat.shape)
    _, vectors = np.linalg.eigh(flat.T @ flat)
    return flat @ vectors[:, ::-1][:, :count] / np.sqrt(flat.shape[1] / 3)


def _similarity(figures: Figures, progress: Progress) -> _Made:
    """A chain from the most ordinary face, each next one the most alike of those that are left."""
    points = look(figures)
    squared = (points**2).sum(axis=1)
    left = np.arange(len(points))
    at = int(squared.argmin())
    index, step = [at], [0.0]
    left = left[left != at]
    while len(left):
        away = squared[left] + squared[at] - 2 * points[left] @ points[at]
        nearest = int(away.argmin())
        at = int(left[nearest])
        index.append(at)
        step.append(float(np.sqrt(max(away[nearest], 0.0))))
        left = np.delete(left, nearest)
        if len(index) % 100 == 0 or not len(left):
            progress("chaining faces", len(index), len(points))
    return np.array(index), np.array(step)


def _dissimilarity(figures: Figures, progress: Progress) -> _Made:
    """The most ordinary face first, the oddest last: root of the mean squared distance to all the others."""
    points = look(figures)
    squared = (points**2).sum(axis=1)
    away = np.sqrt(np.maximum(squared + squared.mean() - 2 * points @ points.mean(axis=0), 0))
    index = np.argsort(away, kind="stable")
    return index, away[index]


def worth(figures: Figures) -> np.ndarray:
    """How good each face is to learn from: its detail and its size, less where motion smears or the frame cuts."""
    return (
        figures.detail
        * np.minimum(figures.width, 256.0)
        * np.clip(figures.score, 0, 1)
        * figures.inside
        / figures.motion_blur
    )


def _best(figures: Figures, progress: Progress) -> _Made:
    """The best face of each cell of a grid over yaw and pitch, then the second best of each, and so on.

    However many are kept of the beginning, they are spread over the poses as evenly as the set allows; and in a cell,
    over how far eyes and mouth are open.
    """
    value = worth(figures)
    pose = np.floor(np.stack([figures.yaw, figures.pitch], axis=1) / CELL_DEGREES)
    opening = np.floor(np.nan_to_num(np.stack([figures.eyes / EYES_STEP, figures.mouth / MOUTH_STEP], axis=1)))
    cell, expression = _numbered(pose), _numbered(np.hstack([pose, opening]))
    round_ = _places(expression, np.argsort(-value, kind="stable"))
    rank = _places(cell, np.lexsort((-value, round_)))
    index = np.lexsort((-value, rank))
    return index, value[index] / max(float(value.max()), 1e-9)


def _numbered(rows: np.ndarray) -> np.ndarray:
    return np.unique(rows, axis=0, return_inverse=True)[1].ravel()


def _places(groups: np.ndarray, sequence: np.ndarray) -> np.ndarray:
    """For each item, how many of its own group come before it in a sequence."""
    seen: Counter[int] = Counter()
    places = np.empty(len(groups), np.int64)
    for i in sequence.tolist():
        places[i] = seen[int(groups[i])]
        seen[int(groups[i])] += 1
    return places


# Name: what its figure is; how it is made.
ORDERS: dict[str, tuple[str, Callable[[Figures, Progress], _Made]]] = {
    "blur": ("sharpness", _by_figure("sharpness", falling=True)),
    "motion-blur": ("smear, 1 is usual", _by_figure("motion_blur", falling=False)),
    "yaw": ("degrees", _by_figure("yaw", falling=False)),
    "pitch": ("degrees", _by_figure("pitch", falling=False)),
    "size": ("pixels wide", _by_figure("width", falling=True)),
    "brightness": ("L*", _by_figure("brightness", falling=True)),
    "hue": ("degrees", _by_figure("hue", falling=False)),
    "similarity": ("distance to the one before", _similarity),
    "dissimilarity": ("distance to all the others", _dissimilarity),
    "eyes": ("height over width of the eyes", _by_figure("eyes", falling=True)),
    "mouth": ("height over width of the mouth", _by_figure("mouth", falling=True)),
    "best": ("worth, 1 is the best", _best),
}
