"""What a search for the invisible watermark found: in a whole file, and passage by passage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Passage:
    """What was found in one stretch of a clip.

    Attributes:
        start, end: seconds.
        present: whether the mark was found in it.
        confidence: 1 less the bound of the false-alarm probability, 0 to 1; 0 where it was not found.
        id: 8 hex digits, or None.
    """

    start: float
    end: float
    present: bool
    confidence: float
    id: str | None


@dataclass(frozen=True)
class WatermarkFound:
    """The invisible watermark of one file.

    Attributes:
        present: whether the public presence pattern, or an id, was found.
        id: 8 hex digits; None where there is no mark, or where its id was written with another machine's key.
        confidence: 1 less ``false_alarm``, 0 to 1; 0 where nothing was found.
        false_alarm: upper bound of the probability that an unmarked file gives this answer.
        strength: correlation with the presence pattern in standard deviations.
        frames: how many frames were read.
        mirrored: whether it was found in the mirror image.
        geometry: how the picture was changed, in words, or None where it lies as it was written.
        passages: what was found where in time.
        notes: what else a person should know.
    """

    present: bool
    id: str | None
    confidence: float
    false_alarm: float
    strength: float
    frames: int
    mirrored: bool = False
    geometry: str | None = None
    passages: tuple[Passage, ...] = ()
    notes: tuple[str, ...] = ()
