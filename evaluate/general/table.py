"""Drawn pairs, on disk: what judges the cues learns from them, and pseudo-clips that everything is calibrated on.

They go through real encoders, frame by frame, and are drawn a single time and kept; parts that are whole are not drawn
again when a run that was stopped goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from datasets.atomic import replacing
from datasets.errors import InputError
from datasets.faces.align import align_affine, warp_crop
from datasets.faces.finder import Face
from datasets.progress import Progress
from detect.cues.frame import FRAME_CUES
from detect.cues.model import LARGE, fine, measure_face
from evaluate.general.making import MOSTLY, Made, make_pair
from evaluate.general.portraits import Portrait, load_portraits

# Of the crops of pseudo-clips, as the network sees them. Other pairs are kept as cues alone.
SIZE, COVERAGE = 224, 1.6
PART = 250
# Half the pairs are of frames of clips, which are what is scored most; the rest of pictures, which are of more people.
OF_CLIPS = 0.5
ATTEMPTS = 8
# Pseudo-clips: how many frames each has.
FRAMES = 10

# What is measured finely too, of large faces: detail, edges and colour. What compression leaves is coarse by itself.
FINE_CUES = tuple(
    name for name in FRAME_CUES if not name.startswith(("noise", "grid", "blank", "lab_", "eye", "teeth"))
)
COLUMNS = (*FRAME_CUES, *map(fine, FINE_CUES))

_portraits: list[Portrait] = []


@dataclass(frozen=True)
class Table:
    """N pairs, or frames of clips; the original comes first in every row of two.

    Attributes:
        crops: uint8 RGB (N, 2, S, S, 3); S is 0 where only cues are kept.
        cues: float32 (N, 2, k), of ``COLUMNS``.
        person: str (N,), whose face it was.
        clip: str (N,), one word for all frames of one clip.
        kind: str (N,), how the swap was made.
        side: float32 (N,), of the landmark box, pixels.
    """

    crops: np.ndarray
    cues: np.ndarray
    person: np.ndarray
    clip: np.ndarray
    kind: np.ndarray
    side: np.ndarray

    def __len__(self) -> int:
        return len(self.person)

    def of(self, rows: np.ndarray) -> Table:
        """Some of its rows."""
        return Table(**{part.name: getattr(self, part.name)[rows] for part in fields(self)})

    def fingerprint(self) -> str:
        """SHA-256 of all that is in it, hex."""
        total = hashlib.sha256()
        for part in fields(self):
            total.update(np.ascontiguousarray(getattr(self, part.name)).tobytes())
        return total.hexdigest()


def draw_pairs(
    portraits: Path,
    count: int,
    seed: int,
    folder: Path,
    workers: int,
    progress: Progress,
    large: bool = False,
    changes: Mapping[str, float] = MOSTLY,
) -> Table:
    """Pairs of single frames to learn from, of the people of a file that ``save_portraits`` wrote."""
    parts, step = range(-(-count // PART)), f"drawing {'large ' if large else ''}pairs"
    make = partial(_pairs_of_part, seed, large, changes)
    return _drawn(step, portraits, parts, make, folder, workers, progress, large)


def draw_clips(
    portraits: Path, draws: int, seed: int, folder: Path, workers: int, progress: Progress, large: bool = False
) -> Table:
    """Pseudo-clips: the frames of a clip with one draw for all of them, ``draws`` of each clip.

    What a whole clip's score means is worked out on these; none is learnt from by what judges it.
    """
    clips = sorted({one.clip for one in load_portraits(portraits) if one.clip})
    names = [(clip, number) for number in range(draws) for clip in clips]
    step = f"drawing {'large ' if large else ''}clips"
    return _drawn(step, portraits, names, partial(_frames_of_clip, seed, large), folder, workers, progress, large)


def _drawn(
    step: str,
    portraits: Path,
    parts: Iterable[object],
    make: Callable,
    folder: Path,
    workers: int,
    progress: Progress,
    large: bool,
) -> Table:
    parts = list(parts)
    files = [folder / f"{number:05d}.npz" for number in range(len(parts))]
    missing = [(part, file) for part, file in zip(parts, files, strict=True) if not file.is_file()]
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin, (portraits,)) as pool:
        done = len(parts) - len(missing)
        for (_, file), table in zip(missing, pool.map(make, [part for part, _ in missing]), strict=True):
            with replacing(file) as temporary, temporary.open("wb") as out:
                np.savez(out, **{part.name: getattr(table, part.name) for part in fields(Table)})
            done += 1
            progress(step, done, len(parts))
    found = [_load(file) for file in files]
    # Material may hold no large face, but has to hold some.
    return _table([], "", 0) if large and not any(map(len, found)) else joined(found)


def _begin(portraits: Path) -> None:
    cv2.setNumThreads(1)
    _portraits[:] = load_portraits(portraits)


def _load(file: Path) -> Table:
    with np.load(file) as held:
        found = Table(**{part.name: held[part.name] for part in fields(Table)})
    if found.cues.shape[-1] != len(COLUMNS):
        raise InputError(f"{file.parent} holds what another version has drawn; delete that folder.")
    return found


def joined(tables: Iterable[Table]) -> Table:
    """All rows of several tables. Raises InputError where there is none."""
    parts = [table for table in tables if len(table)]
    if not parts:
        raise InputError("No training pair could be drawn: there are too few faces, or too small ones.")
    return Table(**{one.name: np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Table)})


def _pairs_of_part(seed: int, large: bool, changes: Mapping[str, float], part: int) -> Table:
    rng = np.random.default_rng((seed, part))
    fit = [number for number, one in enumerate(_portraits) if not large or one.side >= LARGE]
    framed = [number for number in fit if _portraits[number].clip]
    others = [number for number in fit if not _portraits[number].clip]

    def drawn() -> Iterator[tuple[Made, Portrait]]:
        for _ in range(PART * ATTEMPTS if fit else 0):
            some = framed if (rng.random() < OF_CLIPS and framed) or not others else others
            yield from _made(int(rng.choice(some)), rng, large, changes)

    return _table(islice(drawn(), PART), "", 0)


def _frames_of_clip(seed: int, large: bool, named: tuple[str, int]) -> Table:
    clip, number = named
    own = [at for at, one in enumerate(_portraits) if one.clip == clip]
    chosen = np.unique(np.linspace(0, len(own) - 1, min(FRAMES, len(own))).round().astype(int))
    draw = np.random.default_rng((seed, number, *clip.encode())).integers(2**63)
    # One draw for all frames of a clip: the same kind, size, softness, mask and codec.
    drawn = (_made(own[at], np.random.default_rng(draw), large) for at in chosen)
    return _table(chain.from_iterable(drawn), f"{clip} {number}{' large' if large else ''}", SIZE)


def _made(
    target: int, rng: np.random.Generator, large: bool, changes: Mapping[str, float] = MOSTLY
) -> Iterator[tuple[Made, Portrait]]:
    """The pair of a face, and the face; nothing where it can't be made, or not of that size."""
    made = make_pair(_portraits, target, rng, large, changes)
    if made is not None and (made.side >= LARGE) == large:
        yield made, _portraits[target]


def _table(drawn: Iterable[tuple[Made, Portrait]], clip: str, size: int) -> Table:
    """The pairs as they come: each is cut and measured, and let go."""
    crops, cues, person, kind, side = [], [], [], [], []
    for made, portrait in drawn:
        points = made.landmarks
        face = Face(np.concatenate([points[:, :2].min(0), points[:, :2].max(0)]), 1.0, points, points[:5, :2])
        both = (made.real, made.fake)
        affine = align_affine(points, size, COVERAGE) if size else None
        crops.append([np.zeros((0, 0, 3), np.uint8) if affine is None else warp_crop(p, affine, size) for p in both])
        cues.append([measure_face(picture, face, COLUMNS) for picture in both])
        person.append(portrait.person)
        kind.append(made.kind)
        side.append(made.side)
    count = len(side)
    return Table(
        np.array(crops, np.uint8).reshape(count, 2, size, size, 3),
        np.array(cues, np.float32).reshape(count, 2, len(COLUMNS)),
        np.array(person, dtype=str),
        np.array([clip] * count, dtype=str),
        np.array(kind, dtype="U16"),
        np.array(side, dtype=np.float32),
    )
