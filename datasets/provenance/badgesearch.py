"""Looking for the visible badge in a file: a few frames are enough, since it is in every one from the first on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.errors import InputError

if TYPE_CHECKING:
    import numpy as np

FRAMES_LOOKED_AT = 5
APART = 25


@dataclass(frozen=True)
class BadgeFound:
    """Where the visible badge was found.

    Attributes:
        found: whether it is in any frame that was looked at.
        frames, looked_at: in how many frames, of how many.
        box: xyxy in pixels in the frame with the best score, or None.
        score: the best normalised correlation with the badge, -1 to 1.
    """

    found: bool
    frames: int
    looked_at: int
    box: tuple[int, int, int, int] | None
    score: float


def search_badge(path: Path) -> BadgeFound:
    """Search the badge in a picture, or in some frames spread over a clip, its first one among them.

    Raises:
        InputError: neither a picture nor a video, or damaged from its first frame on.
    """
    from datasets.provenance.badge import THRESHOLD, find_badge, locate_badge

    best, where, seen, count = 0.0, None, 0, 0
    for image in _images(path):
        count += 1
        score = find_badge(image)
        seen += score >= THRESHOLD
        if score > best:
            best, where = score, locate_badge(image)
    return BadgeFound(seen > 0, seen, count, where, best)


def _images(path: Path) -> Iterator[np.ndarray]:
    from datasets.video import frames_at, is_picture, read_frames, read_picture, timestamps

    if is_picture(path):
        yield read_picture(path)
        return
    try:
        times = timestamps(path)
    except InputError:
        # A stream without a container has no times to seek by.
        yield from (frame.image for frame in islice(read_frames(path, every=APART), FRAMES_LOOKED_AT))
        return
    last = len(times) - 1
    wanted = sorted({round(i * last / max(1, FRAMES_LOOKED_AT - 1)) for i in range(FRAMES_LOOKED_AT)})
    seen = False
    # Of a clip that is damaged further on, what came before still counts.
    with suppress(InputError):
        for frame in frames_at(path, wanted, times):
            seen = True
            yield frame.image
    if not seen:
        yield next(read_frames(path)).image
