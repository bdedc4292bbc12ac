"""How large stored crops should be: not coarser than the footage they are cut from, and no larger than that needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from datasets.errors import InputError
from datasets.faces.align import coverage_value, head_pose
from datasets.faces.finder import FaceFinder
from datasets.footage import is_picture, looks
from datasets.video import Frame

SIZES = (256, 384, 512)
SMALLEST, LARGEST = 16, 2048
AUTO = "auto"
# Of a clip, frames of its beginning that are looked at, and how far apart; of many clips, so many.
LOOKS, APART, CLIPS = 10, 25, 8
# A crop may be coarser than the footage by this, and the largest tenth of the faces by more.
SLACK, SHARE = 1.05, 0.9


def check_size(size: int | str) -> None:
    """Raise InputError unless this is ``auto`` or a side in pixels that crops can have."""
    if size != AUTO and not (isinstance(size, int) and SMALLEST <= size <= LARGEST):
        raise InputError(f"Crops of {size} pixels cannot be extracted: {AUTO}, or {SMALLEST} to {LARGEST}.")


def parse_size(text: str) -> int | str:
    """The size that a person typed. Raises InputError."""
    size: int | str = int(text) if text.isascii() and text.isdigit() else text.strip().lower()
    check_size(size)
    return size


def fitting_size(files: Sequence[Path], finder: FaceFinder, coverage: str | float) -> int:
    """The smallest of ``SIZES`` in which the faces of this footage lose nothing, else the largest.

    Looks at the largest face of some frames from the beginning of some of the clips, spread over all of them.
    """
    needed = []
    for frame in _some(files):
        finder.reset()
        for face in finder.find(frame.image)[:1]:
            pose = head_pose(face.five_points if face.landmarks is None else face.landmarks)
            needed.append(coverage_value(coverage) * pose.scale)
    finder.reset()
    if not needed:
        return SIZES[0]
    side = float(np.quantile(needed, SHARE)) / SLACK
    return next((size for size in SIZES if size >= side), SIZES[-1])


def _some(files: Sequence[Path]) -> Iterator[Frame]:
    pictures = all(is_picture(file) for file in files)
    count = min(len(files), LOOKS if pictures else CLIPS)
    for number in ((np.arange(count) + 0.5) * len(files) / count).astype(int):
        each = max(1, LOOKS // count)
        with closing(looks([files[number]], APART)) as found:  # type: ignore[type-var]
            for look, _ in zip(found, range(each), strict=False):
                if look.frame is not None:
                    yield look.frame
