"""An output at another quality: the pictures of a marked, signed clip of this studio, encoded once more and signed.

The marks are in the pixels already and are carried over, so they are not put in twice, and the copy is the same output:
its watermark leads to the record of the clip that it was made from. Frames are read here and nowhere else, from a file
whose Credentials hold, so that nothing unmarked can come this way.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from datasets.errors import InputError, Interrupted, Refused
from datasets.interrupt import StopRequested
from datasets.progress import Progress, silent
from datasets.provenance.manifest import Making, PixelMarks
from datasets.provenance.reading import read_credentials
from datasets.provenance.writer import Marks, PixelMarker, SyntheticWriter
from datasets.video import probe, read_frames

CARRIED = PixelMarks(("watermark", "badge"))


class _Carried(PixelMarker):
    """The marks of pictures that have them already."""

    def __init__(self, watermark_id: str) -> None:
        self.watermark_id = watermark_id
        self.marks = ()

    @property
    def said(self) -> PixelMarks:
        return replace(CARRIED, watermark_id=self.watermark_id)

    def apply(self, image: np.ndarray) -> np.ndarray:
        return image


class _LevelWriter(SyntheticWriter):
    def _marker(self, watermark_id: str | None) -> PixelMarker:
        assert watermark_id is not None
        return _Carried(watermark_id)

    def _record(self, manifest_bytes: bytes, digest: str, format: str) -> None:
        """The record of the clip that it was made from stands for it too: both have the same watermark."""


def write_level(
    path: Path, marked: Path, making: Making, crf: int, force: bool = False, progress: Progress = silent
) -> Marks:
    """Write a marked clip at another quality.

    Args:
        path: ``.mp4``, ``.m4v`` or ``.mov``.
        marked: an output of this studio, or an original of a labelled set, as it was written.
        making: what the copy's manifest says; of the same kind as the clip's own.
        crf: H.264 quality, 0 to 51.

    Raises:
        Refused: ``marked`` does not carry this studio's Credentials, was changed, or is of another kind.
        InputError: as :class:`~datasets.provenance.writer.SyntheticWriter`, or a clip that can't be read.
        Interrupted: Ctrl-C; nothing is left.
    """
    held = read_credentials(marked)
    if not (held.by_studio and held.own) or held.soft_binding is None or not set(CARRIED.names) <= _marks(held.making):
        raise Refused(
            f"{marked} is not, or no longer, a marked output of this studio ({held.state} Credentials); build it again."
        )
    if held.kind != making.kind:
        raise Refused(f"{marked} says that it is of kind {held.kind}, and the copy would say {making.kind}.")
    like = replace(probe(marked), rotation=0)
    with (
        StopRequested() as stop,
        _LevelWriter(path, like, making, crf=crf, force=force, watermark_id=held.soft_binding) as writer,
    ):
        for frame in read_frames(marked):
            if stop.now:
                raise Interrupted(f"Stopped, and {path} was not written; the same command writes it.")
            writer.write(frame)
            progress("encoding a level", frame.index + 1, like.frames)
    if writer.marks is None:
        raise InputError(f"{path} was not written.")
    return writer.marks


def _marks(making: object) -> set[str]:
    return set(making.get("pixel_marks") or ()) if isinstance(making, dict) else set()
