"""What of the invisible mark a probe may see, with the face taken out of the picture.

Its plain coefficients are what any network could learn to look at: the public pattern shows in them, so a mark on one
class alone does. The id does not, since a bit is told by the lattice that a value lies on and not by its sign. What the
holder of the private key reads is therefore looked at too: an id that one class shares shows there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from datasets.audit.background import pair_frames

if TYPE_CHECKING:
    from datasets.provenance.payload import MarkKey

Coefficients = Callable[[np.ndarray], np.ndarray]


def without_face(image: np.ndarray, away: np.ndarray) -> np.ndarray:
    """The picture with the face's region filled with the mean colour of the rest, uint8 RGB HxWx3.

    The swap is content, and it is to be seen: here only the mark is asked about. The fill is flat, so that it carries
    no mark either.

    Args:
        away: bool (H, W), see :func:`datasets.audit.background.away_from_face`.
    """
    filled = image.copy()
    filled[~away] = np.rint(image[away].mean(0)) if away.any() else 0
    return filled


def as_read(key: MarkKey) -> Coefficients:
    """What the reader with this key takes of a picture: the presence score and the 127 soft bits, float64 (128,)."""
    from datasets.provenance.watermarkgrid import canonical, luma
    from datasets.provenance.watermarktally import frame_sums

    def read(image: np.ndarray) -> np.ndarray:
        sums = frame_sums(canonical(luma(image)), key)
        return np.concatenate([[sums.score(False)], sums.bits(False)])

    return read


def pair_mark(
    fake: Path, original: Path, regions: Iterable[tuple[int, np.ndarray]], coefficients: Coefficients
) -> tuple[np.ndarray, np.ndarray]:
    """The mean coefficients of the mark over some frames of a pair, float64 (N,) each.

    A mark stays where it is in every frame while the picture moves, so that the mean shows it best.

    Args:
        regions: (frame number, bool (H, W)) of each frame that is looked at, ascending.
        coefficients: of a uint8 RGB picture, float (N,): ``datasets.provenance.watermarkgrid.coefficients``, or
            :func:`as_read`.
    """
    found = [
        [np.asarray(coefficients(without_face(frame.image, away)), dtype=np.float64) for frame in (one, other)]
        for one, other, away in pair_frames(fake, original, regions)
    ]
    if not found:
        raise ValueError("a pair without frames has no mark to look at")
    mean = np.mean(found, axis=0)
    return mean[0], mean[1]
