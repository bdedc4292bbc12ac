"""What is known of a face set while it is made; it is saved with every part."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import numpy as np

from datasets.faces.finder import Face
from datasets.faceset import ClipFaces, TrackInfo
from datasets.footage import Look, Place

SMALL_FACE = 40.0
NAMED = 5


@dataclass
class Tally:
    """Counts of frames and faces, and where the extraction stands.

    Attributes:
        frames, with_face, several, faces, small, without_mesh: as in ``datasets.faceset.FaceSetInfo``.
        lost, again, found: frames in which the finder lost a face, those that a second finder looked at, and those
            in which it found a face.
        spans, widths: of each track, first and last frame, and how many faces of each whole width.
        clips: the clips so far; ``unreadable``: numbers of the pictures that could not be read.
        place: where to go on from.
    """

    frames: int = 0
    with_face: int = 0
    several: int = 0
    faces: int = 0
    small: int = 0
    without_mesh: int = 0
    lost: int = 0
    again: int = 0
    found: int = 0
    spans: dict[int, list[int]] = field(default_factory=dict)
    widths: dict[int, Counter[int]] = field(default_factory=dict)
    clips: list[ClipFaces] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)
    place: Place = field(default_factory=Place)

    def begin(self, look: Look, name: str) -> bool:
        """Take note of where a look stands; True when it is the first of its clip or picture."""
        self.place = look.after
        new = look.place.clip == len(self.clips)
        if new:
            height, width = (0, 0) if look.frame is None else look.frame.image.shape[:2]
            about = ClipFaces(name=name, width=width, height=height, first=look.place.offset, frames=0, several=0)
            self.clips.append(about)
        if look.frame is None:
            self.unreadable.append(look.place.clip)
        return new

    def add(self, frame: int, faces: list[Face], ids: list[int]) -> None:
        """Count one frame's faces, with the tracks they belong to."""
        several = len(faces) > 1
        self.frames += 1
        self.with_face += bool(faces)
        self.several += several
        self.faces += len(faces)
        self.clips[-1]["frames"] += 1
        self.clips[-1]["several"] += several
        for face, track in zip(faces, ids, strict=True):
            width = float(face.box[2] - face.box[0])
            self.small += width < SMALL_FACE
            self.without_mesh += face.landmarks is None
            self.spans.setdefault(track, [frame, frame])[1] = frame
            self.widths.setdefault(track, Counter())[round(width)] += 1

    def tracks(self) -> list[TrackInfo]:
        """The tracks, by number."""
        return [
            TrackInfo(
                id=track,
                faces=self.widths[track].total(),
                first=first,
                last=last,
                median_width=float(np.median(list(self.widths[track].elements()))),
            )
            for track, (first, last) in sorted(self.spans.items())
        ]

    def remarks(self) -> list[str]:
        """What a person should know beyond the counts, a sentence each."""
        said = []
        if self.unreadable:
            names = [PurePath(self.clips[number]["name"]).name for number in self.unreadable]
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            said.append(f"Not readable, and left out: {', '.join(names[:NAMED])}{more}.")
        if self.again:
            said.append(
                f"The face was lost in {self.lost} frames; RetinaFace looked again at {self.again} of them and found "
                f"a face in {self.found}."
            )
        return said

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        spans = [[track, *span] for track, span in self.spans.items()]
        widths = [[track, sorted(counter.items())] for track, counter in self.widths.items()]
        place = [self.place.clip, self.place.start, self.place.offset]
        return plain | {"spans": spans, "widths": widths, "place": place}

    @classmethod
    def from_json(cls, held: dict[str, Any]) -> Tally:
        """What ``to_json`` gave."""
        spans = {track: [first, last] for track, first, last in held["spans"]}
        widths = {track: Counter({width: count for width, count in items}) for track, items in held["widths"]}
        plain: dict[str, Any] = {name: held[name] for name in _PLAIN}
        return cls(**plain, spans=spans, widths=widths, place=Place(*held["place"]))


_PLAIN = (
    *("frames", "with_face", "several", "faces", "small", "without_mesh", "lost", "again", "found"),
    *("clips", "unreadable"),
)
