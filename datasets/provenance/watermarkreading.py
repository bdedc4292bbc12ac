"""Finding the invisible watermark in a video or a picture, and on what that answer rests.

Frames are read one after the other; memory does not grow with the clip. Of a clip longer than :data:`EVERY_FRAME_TO`
seconds only the key frames are read, which carry most of the mark, unless they are few. Where nothing is found at its
place, the grid is searched for: the picture may have been cropped, mirrored or framed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from datasets.errors import InputError, Refused
from datasets.progress import Progress, counted, silent
from datasets.provenance.payload import MarkKey, existing_mark_key, id_text
from datasets.provenance.watermarkfound import Passage, WatermarkFound
from datasets.provenance.watermarkgrid import Array, Square, canonical, luma
from datasets.provenance.watermarksearch import features, put_back, search, without_frame
from datasets.provenance.watermarktally import (
    SIDES,
    UNCHANGED,
    Reader,
    Sums,
    Tally,
    frame_sums,
    id_chance,
    presence_chance,
)

# Chance that any unmarked file is called marked, for each of the ways to find a mark.
ALLOWED = 1e-7
EVERY_FRAME_TO = 180.0
# Where key frames lie further apart than so many seconds, on average, too much would rest on each.
KEYS_APART = 30.0
PASSAGE_SECONDS = 2.0
MOST_PASSAGES = 200
PASSAGE_TRIES = 2
WEAK_GAINS, FRAMES_ALONE = 6, 16
MOST_SQUARES = 48


@dataclass
class _Stretch:
    """One passage while it is read."""

    start: float
    end: float
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True)
class _Judged:
    """A passage when it is over: only what is needed to compare it later is kept."""

    start: float
    end: float
    score: dict[bool, float]
    soft: dict[bool, np.ndarray]
    id: int | None


class _Search:
    """Everything that is gathered over a file."""

    def __init__(self, key: MarkKey | None, length: float) -> None:
        self.reader, self.length = Reader(key), length
        self.whole, self.stretch = Tally(), _Stretch(0.0, 0.0)
        self.judged: list[_Judged] = []
        self.squares: list[tuple[Array, bool]] = []
        self.every, self.frames, self.keys = 1, 0, 0

    def add(self, square: Array, time: float, is_key: bool) -> None:
        # Every passage is a chance to be wrong: a clip whose length was not known ends with a long one.
        if self.frames and time >= self.stretch.start + self.length and len(self.judged) < MOST_PASSAGES - 1:
            self._close(time)
        if not self.stretch.tally.all.weight:
            self.stretch.start = time
        self.stretch.end = time
        sums = frame_sums(square, self.reader.key)
        self.whole.add(sums, is_key)
        self.stretch.tally.add(sums, is_key)
        self.keys += is_key
        # Where most frames are key frames they are nothing special, and all of them would be the last ones only.
        if self.frames % self.every == 0 or (is_key and 2 * self.keys <= self.frames):
            self.squares.append((square, is_key))
            if len(self.squares) > MOST_SQUARES:
                self.squares, self.every = self.squares[::2], self.every * 2
        self.frames += 1

    def _close(self, end: float) -> None:
        """A passage is over: judge it by itself."""
        own = self.stretch
        view = next(own.tally.views(), None)
        if view is not None:
            score = {side: view.score(side) for side in SIDES}
            soft = {side: view.bits(side) for side in view.soft}
            read = self.reader.read([view], gains=1, tries=PASSAGE_TRIES)
            self.judged.append(_Judged(own.start, end, score, soft, read[0].mark_id if read else None))
        self.stretch = _Stretch(end, end)

    def finish(self, end: float) -> WatermarkFound:
        self._close(end)
        views = list(self.whole.views())
        if not views:
            return WatermarkFound(False, None, 0.0, 1.0, 0.0, 0)
        score, mirrored = max((view.score(side), side) for view in views for side in SIDES)
        chance = presence_chance(score, 2 * len(views))
        read = self.reader.read(views)
        if read is not None:
            return self._found(min(self.reader.chance, chance), score, read[0].mark_id, read[1], read[2])
        if chance <= ALLOWED:
            return self._found(chance, score, self._weak_id(views), mirrored)
        return self._in_passages(score) or self._elsewhere() or self._nothing(score)

    def _weak_id(self, views: list[Sums]) -> int | None:
        """The id where the sums did not give it at once: in a passage, at more gains, or in one of the frames."""
        for part in self.judged:
            if part.id is not None:
                return part.id
        read = self.reader.read(views, gains=WEAK_GAINS, tries=PASSAGE_TRIES)
        if read is None:
            squares = sorted(self.squares, key=lambda kept: not kept[1])[:FRAMES_ALONE]
            frames = (frame_sums(square, self.reader.key) for square, _ in squares)
            read = self.reader.read(frames, gains=1, tries=PASSAGE_TRIES)
        return None if read is None else read[0].mark_id

    def _found(
        self, chance: float, score: float, mark_id: int | None, mirrored: bool, gain: int = UNCHANGED
    ) -> WatermarkFound:
        said = ["mirrored"] if mirrored else []
        if abs(gain - UNCHANGED) > 2:
            said.append("changed in contrast")
        return WatermarkFound(
            True,
            None if mark_id is None else id_text(mark_id),
            1 - chance,
            chance,
            score,
            self.frames,
            mirrored,
            " and ".join(said) or None,
            self._passages(mark_id, mirrored, steady=gain == UNCHANGED),
        )

    def _passages(self, mark_id: int | None, mirrored: bool, steady: bool = True) -> tuple[Passage, ...]:
        """Every stretch by itself: by the pattern, by an id of its own, or by its agreement with the clip's id."""
        key, count, made = self.reader.key, len(self.judged), list[Passage]()
        for part in self.judged:
            chance, own = presence_chance(part.score[mirrored], len(SIDES) * count), part.id
            if mark_id is not None and key is not None and part.soft and steady:
                agreed = id_chance(part.soft[mirrored], mark_id, key, count)
                if agreed <= ALLOWED and own is None:
                    own = mark_id
                chance = min(chance, agreed)
            if part.id is not None:
                chance = min(chance, self.reader.chance)
            # An id proves itself, and its tries were counted for the whole file.
            present = chance <= ALLOWED or part.id is not None
            text = None if own is None else id_text(own)
            made.append(Passage(part.start, part.end, present, 1 - chance if present else 0.0, text))
        return tuple(made)

    def _in_passages(self, score: float) -> WatermarkFound | None:
        """A clip of which only some passages are marked."""
        for mirrored in SIDES:
            passages = self._passages(None, mirrored)
            found = [part for part in passages if part.present]
            if found:
                chance = 1 - max(part.confidence for part in found)
                mark_id = next((part.id for part in found if part.id), None)
                said = "mirrored" if mirrored else None
                return WatermarkFound(True, mark_id, 1 - chance, chance, score, self.frames, mirrored, said, passages)
        return None

    def _elsewhere(self) -> WatermarkFound | None:
        """Search for the grid: inside black bars, then as a part of the marked picture."""
        squares = [square for square, _ in self.squares]
        inner = without_frame(squares)
        framed = ""
        if inner is not None:
            x0, y0, x1, y1 = inner
            squares = [canonical(np.ascontiguousarray(square[y0:y1, x0:x1])) for square in squares]
            framed = "framed by bars"
        place = search(np.asarray(sum(features(square) for square in squares)))
        chance = presence_chance(place.score, place.tried)
        if chance > ALLOWED:
            return None
        tally = Tally()
        for square, (_, is_key) in zip(squares, self.squares, strict=True):
            tally.add(frame_sums(put_back(square, place), self.reader.key), is_key)
        read = self.reader.read(tally.views())
        words = " and ".join(part for part in (framed, place.words()) if part) or None
        whole = (
            Passage(
                self.judged[0].start, self.judged[-1].end, True, 1 - chance, id_text(read[0].mark_id) if read else None
            ),
        )
        return WatermarkFound(
            True,
            whole[0].id,
            1 - chance,
            chance,
            place.score,
            self.frames,
            place.mirrored,
            words,
            whole,
            ("Where in time the mark lies was not looked at: it was found in the sum of frames only.",),
        )

    def _nothing(self, score: float) -> WatermarkFound:
        return WatermarkFound(False, None, 0.0, 1.0, score, self.frames, passages=self._passages(None, False))


def read_watermark_image(image: np.ndarray) -> WatermarkFound:
    """Look for the watermark in one uint8 RGB HxWx3 picture."""
    key, notes = _key()
    found = _Search(key, np.inf)
    found.add(canonical(luma(image)), 0.0, True)
    return _noted(found.finish(0.0), notes)


def read_id(image: np.ndarray) -> str | None:
    """The id that a uint8 RGB HxWx3 picture gives at once, without any search, or None."""
    key, _ = _key()
    read = Reader(key).read([frame_sums(canonical(luma(image)), key)], gains=1)
    return None if read is None else id_text(read[0].mark_id)


def every_frame(path: Path, duration: float) -> bool:
    """Whether :func:`read_watermark` reads every frame of a clip, rather than its key frames alone."""
    length, key_frames = _extent(path, duration)
    return length <= EVERY_FRAME_TO or key_frames * KEYS_APART < length


def read_watermark(path: Path, progress: Progress = silent, squares: Iterable[Square] | None = None) -> WatermarkFound:
    """Look for the watermark in a video or a picture.

    The id can be read where it was written with this machine's private key; that a mark is there, anywhere.

    Args:
        squares: of a clip of which :func:`every_frame` holds, from someone who decodes it anyway: each frame's luma on
            the canonical square, its time, and whether it is a key frame.

    Raises:
        InputError: the file is neither a video nor a picture, or is damaged before its first frame.
    """
    from datasets.video import is_picture, probe, read_picture

    path = Path(path)
    if is_picture(path):
        return read_watermark_image(read_picture(path))
    info = probe(path)
    key, notes = _key()
    duration, key_frames = _extent(path, info.duration)
    keys_only = squares is None and duration > EVERY_FRAME_TO and key_frames * KEYS_APART >= duration
    found = _Search(key, max(PASSAGE_SECONDS, duration / (MOST_PASSAGES - 1)))
    end = 0.0
    total = None if keys_only else info.frames
    try:
        shown = _pictures(path, keys_only) if squares is None else squares
        for square, end, is_key in counted(shown, "looking for the watermark", total, progress):
            found.add(square, end, is_key)
    except InputError as error:
        if not found.frames:
            raise
        notes += (f"Only the first {end:.1f} s could be read: {error}",)
    if keys_only:
        notes += (f"The clip is long: its {found.frames} key frames were read.",)
    return _noted(found.finish(max(end + 1 / float(info.rate), end)), notes)


def _extent(path: Path, stated: float) -> tuple[float, int]:
    """The length of a clip in seconds, also where its container does not state it, and how many key frames it has."""
    from datasets.video import key_times

    if 0 < stated <= EVERY_FRAME_TO:
        return stated, 0
    first, last, count = key_times(path)
    return max(stated, last - first), count


def comes_back(path: Path) -> tuple[bool, str | None]:
    """What the key frames of a clip that was just written give, without any search: presence, and the id or None."""
    key, _ = _key()
    tally = Tally()
    for square, _time, is_key in _pictures(path, keys_only=True):
        tally.add(frame_sums(square, key), is_key)
    views = list(tally.views())
    read = Reader(key).read(views)
    present = presence_chance(max(view.score(False) for view in views), len(views)) <= ALLOWED
    return present or read is not None, None if read is None else id_text(read[0].mark_id)


def _pictures(path: Path, keys_only: bool) -> Iterator[Square]:
    """Every frame on the canonical square, its time, and whether it is a key frame."""
    from datasets.video import read_grey

    for grey, time, is_key in read_grey(path, keys_only):
        yield canonical(grey), time, is_key


def _key() -> tuple[MarkKey | None, tuple[str, ...]]:
    try:
        return existing_mark_key(), ()
    except Refused as error:
        return None, (f"Ids could not be read: {error}",)


def _noted(found: WatermarkFound, notes: tuple[Any, ...]) -> WatermarkFound:
    return replace(found, notes=found.notes + notes)
