"""Clips of a labelled data set: fakes and originals of one clip, through one and the same path.

A mark, an encoder setting or a frame that only one class has would be what a detector learns. Therefore what becomes of
a clip is decided once, in a :class:`Treatment`, and :func:`write_labelled` is the only way from there to a file, for
both classes: decode, trim, (swap,) encode, mark with an id of its own, sign. ``datasets.audit`` looks for what differs
all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from datasets.errors import InputError, Interrupted, Refused
from datasets.interrupt import StopRequested
from datasets.progress import Progress, silent
from datasets.provenance.manifest import consent_for
from datasets.provenance.writer import DEFAULT_CRF, Making, Marks, SyntheticWriter
from datasets.video import ClipInfo, Frame, probe, read_frames, timestamps

ORIGINAL: Final = "original"


@dataclass(frozen=True)
class Treatment:
    """What every fake and the original of one clip, or of a stretch of it, go through alike; see :func:`treat`.

    Attributes:
        clip: the original footage.
        like: size, rate, time base and sound of what is written.
        first: number of the first frame.
        times: float64 (N,), when each frame is shown, seconds from the first one's.
        crf: H.264 quality.
    """

    clip: Path
    like: ClipInfo
    first: int
    times: np.ndarray
    crf: int

    def __len__(self) -> int:
        return len(self.times)

    def frames(self) -> Iterator[Frame]:
        """The frames to be swapped, or to be written as they are: indices from 0, times from 0."""
        for frame in read_frames(self.clip, start=self.first):
            number = frame.index - self.first
            if number >= len(self):
                return
            yield Frame(number, float(self.times[number]), frame.image)


def treat(clip: Path, start: float | None = None, stop: float | None = None, crf: int = DEFAULT_CRF) -> Treatment:
    """Decide what becomes of a clip, for both classes.

    The sound is carried over where the whole clip is taken; a stretch has none, in either class, since it would not
    begin with the picture.

    Args:
        start, stop: seconds from the first frame's; only the frames from ``start`` to before ``stop`` are taken.

    Raises:
        InputError: the clip is missing or damaged, or the stretch holds no frame.
    """
    info, times = probe(clip), timestamps(clip)
    times = times - times[0]
    wanted = np.flatnonzero(
        (times >= (-np.inf if start is None else start)) & (times < (np.inf if stop is None else stop))
    )
    if not len(wanted):
        raise InputError(f"{clip} has no frames between {start or 0:.1f} and {stop or times[-1]:.1f} s.")
    whole = len(wanted) == len(times)
    taken = times[wanted]
    like = replace(info, rotation=0, has_audio=info.has_audio and whole)
    return Treatment(Path(clip), like, int(wanted[0]), taken - taken[0], crf)


def as_original(fake: Making, title: str) -> Making:
    """What the manifest of an original says, given that of its fake: the same, less the swap and whose face it took.

    The manifests tell the classes apart, as they must: one says that a face was swapped, the other that none was.
    """
    parents = tuple(i for i in fake.ingredients if i.relationship == "parentOf")
    consent = tuple(record for record in fake.consent if record.role in consent_for(ORIGINAL))
    return replace(fake, title=title, kind=ORIGINAL, method=ORIGINAL, ingredients=parents, consent=consent)


def write_original(
    path: Path,
    treatment: Treatment,
    fake: Making,
    force: bool = False,
    progress: Progress = silent,
    watermark_id: str | None = None,
) -> Marks:
    """Write the real clip that belongs to a fake, through the fake's own path.

    Args:
        path: ``.mp4``, ``.m4v`` or ``.mov``; the same suffix as the fake's.
        fake: what the fake's manifest says.

    Raises:
        InputError, Refused: as :class:`datasets.provenance.writer.SyntheticWriter`.
        Interrupted: Ctrl-C; nothing is left.
    """
    return write_labelled(path, treatment, as_original(fake, Path(path).name), None, force, progress, watermark_id)


def write_labelled(
    path: Path,
    treatment: Treatment,
    making: Making,
    swapped: Iterable[np.ndarray] | None,
    force: bool = False,
    progress: Progress = silent,
    watermark_id: str | None = None,
) -> Marks:
    """Write one clip of a labelled data set; both classes come through here.

    Args:
        making: what the manifest says; its kind is the label.
        watermark_id: a derived id of its own (``datasets.provenance.derived``); None draws one.
        swapped: for a fake the frames of ``treatment.frames()`` after the swap, uint8 RGB HxWx3, unmarked, all of them,
            in order. None for an original, whose frames are read here, so that no swap can be written as one.

    Raises:
        InputError, Refused: as :class:`datasets.provenance.writer.SyntheticWriter`; also an original of a clip that
            carries the studio's watermark and no Credentials that say what it is.
        Interrupted: Ctrl-C; nothing is left.
        ValueError: an original with swapped frames, a fake without, or another number of frames.
    """
    if (making.kind == ORIGINAL) != (swapped is None):
        raise ValueError("an original is written from its own frames and a fake from swapped ones")
    if swapped is None:
        _refuse_output(making)
    images = (frame.image for frame in treatment.frames()) if swapped is None else iter(swapped)
    with (
        StopRequested() as stop,
        SyntheticWriter(
            path, treatment.like, making, crf=treatment.crf, force=force, watermark_id=watermark_id
        ) as writer,
    ):
        for number, time in enumerate(treatment.times):
            if stop.now:
                raise Interrupted(f"Stopped, and {path} was not written; the same command writes it.")
            image = next(images, None)
            if image is None:
                raise ValueError(f"{path} has {number} frames and its original {len(treatment)}")
            writer.write(Frame(number, float(time), image))
            progress("writing a labelled clip", number + 1, len(treatment))
        if swapped is not None and next(images, None) is not None:
            raise ValueError(f"{path} has more frames than its original")
    assert writer.marks is not None
    return writer.marks


def _refuse_output(making: Making) -> None:
    """Refuse to call a clip an original that is an output itself and no longer says of what kind."""
    from datasets.provenance.reading import read_credentials
    from datasets.provenance.watermarkreading import read_watermark

    for parent in (i.path for i in making.ingredients if i.relationship == "parentOf"):
        if read_credentials(parent).synthetic is None and read_watermark(parent).present:
            raise Refused(
                f"{parent} carries the invisible watermark of a Counterface output and nothing that says of what kind: "
                "it may be a swap, so no original is made of it."
            )
