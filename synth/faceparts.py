"""The parts of a face that are driven, and how far one expression of a part is from another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.faces.mask import LEFT_EYE, RIGHT_EYE
from synth.driving import BROW_POINTS, LID_PAIRS, LIP_PAIRS, MOUTH_POINTS, Rest, Weights
from synth.texture import INNER_LIPS

# A part's shapes are compared by the root mean square over the part's width; below NOISE they are the same.
NOISE, SHORT = 0.03, 3.0


@dataclass(frozen=True)
class Part:
    """One part of the face that is driven.

    Attributes:
        name: mouth, left or right (eye, as the picture shows it).
        shape: the points whose places tell its expression.
        around: the points its region spans.
        hole: the contour of what can be hidden: between the lips, between the lids.
        width: at rest, box units.
    """

    name: str
    shape: np.ndarray
    around: np.ndarray
    hole: np.ndarray
    width: float

    def apart(self, shapes: np.ndarray, target: np.ndarray) -> np.ndarray:
        """How far shapes (..., P, 2) of this part are from ``target`` (P, 2), over the part's width: (...,).

        What is not to be seen in a picture can't be taken from it: an opening that is too small counts more.
        """
        shape = ((np.asarray(shapes, dtype=np.float64) - target) ** 2).sum(-1).mean(-1)
        short = np.maximum(0, self.gap(target) - self.gap(shapes))
        return np.sqrt(shape + (SHORT * short) ** 2) / self.width

    def gap(self, shapes: np.ndarray) -> np.ndarray:
        """Mean height of the opening in shapes (..., P, 2) of this part's points: (...,)."""
        pairs = np.array([pair for pair in (*LIP_PAIRS, *LID_PAIRS) if np.isin(pair, self.shape).all()])
        if not len(pairs):
            return np.zeros(shapes.shape[:-2])
        place = {int(point): at for at, point in enumerate(self.shape)}
        upper, lower = ([place[int(p)] for p in pairs[:, side]] for side in (0, 1))
        return (shapes[..., lower, 1] - shapes[..., upper, 1]).mean(-1)


def parts_of(rest: Rest, weights: Weights, mouth: bool, eyes: bool, brows: bool) -> list[Part]:
    """The parts that are asked for."""
    parts = []
    if mouth:
        around = np.flatnonzero(weights.mouth > 0.5)
        parts.append(Part("mouth", MOUTH_POINTS, around, np.array(INNER_LIPS), rest.width()))
    for name, points, brow in (("left", LEFT_EYE, BROW_POINTS[:10]), ("right", RIGHT_EYE, BROW_POINTS[10:])):
        mine = np.array(points)
        middle = rest.shape[mine].mean(0)
        beside = np.linalg.norm(rest.shape - middle, axis=1) < 1.3 * rest.eye_width()
        around = np.flatnonzero((weights.eyes > 0.6) & beside) if eyes else np.array([], dtype=int)
        if brows:
            around = np.concatenate([around, brow])
        if len(around):
            parts.append(Part(name, mine if eyes else brow, around, mine, rest.eye_width()))
    return parts
