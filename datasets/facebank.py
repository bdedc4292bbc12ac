"""The faces of many people, packed: what a general detector is trained on, read where it is needed.

::

    faces/
      bank.json                 size and coverage of the crops, one entry a source, what was assumed of people
      00000.npy  00000.npz ...  the crops of one source, and their landmarks; one pair of files a source

Crops lie in memory maps, so that memory does not grow with their number. Reading needs numpy alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from datasets.errors import InputError

BANK, VERSION = "bank.json", 1


@dataclass(frozen=True)
class FaceBank:
    """N faces, each somebody's.

    Attributes:
        crops: N pictures, uint8 RGB (S, S, 3), all of one size, larger than what is shown to a network.
        landmarks: float32 (N, 478, 2), crop pixels.
        people: int64 (N,), indices into ``names``.
        names: of the people.
        times: float64 (N,), seconds in the clip; 0 for pictures.
        sources: int64 (N,), which clip or folder of pictures each was cut from.
        widths: float32 (N,), width of the face in its frame, pixels.
        scales: float32 (N,), crop pixels for one pixel of the frame.
        size, coverage: side of the crops, and crop side over landmark box.
        notes: what was assumed of who is who, a sentence each.
    """

    crops: Sequence[np.ndarray]
    landmarks: np.ndarray
    people: np.ndarray
    names: tuple[str, ...]
    times: np.ndarray
    widths: np.ndarray
    scales: np.ndarray
    sources: np.ndarray
    size: int
    coverage: float
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.landmarks)

    def subset(self, index: np.ndarray) -> FaceBank:
        """The faces of these numbers; the names stay as they are."""
        index = np.asarray(index, dtype=np.int64)
        return FaceBank(
            [self.crops[i] for i in index.tolist()],
            self.landmarks[index],
            self.people[index],
            self.names,
            self.times[index],
            self.widths[index],
            self.scales[index],
            self.sources[index],
            self.size,
            self.coverage,
            self.notes,
        )

    def of(self, names: frozenset[str] | set[str]) -> FaceBank:
        """The faces of these people."""
        wanted = np.array([name in names for name in self.names], dtype=bool)
        return self.subset(np.flatnonzero(wanted[self.people]))

    def who(self) -> list[str]:
        """The people that have a face here, in order of their first."""
        return [self.names[i] for i in dict.fromkeys(self.people.tolist())]

    def fingerprint(self) -> str:
        """SHA-256 over pixels, landmarks and people, in order, hex."""
        digest = hashlib.sha256(f"{self.size} {self.coverage}".encode())
        for crop, points, person in zip(self.crops, self.landmarks, self.people.tolist(), strict=True):
            digest.update(self.names[person].encode())
            digest.update(np.ascontiguousarray(points, np.float32).tobytes())
            digest.update(np.ascontiguousarray(crop).tobytes())
        return digest.hexdigest()


def load_bank(folder: Path) -> FaceBank:
    """Read a bank from its folder. Raises InputError when it is missing, damaged, of another version, or empty."""
    folder = Path(folder)
    try:
        held: dict[str, Any] = json.loads((folder / BANK).read_text(encoding="utf-8"))
        if held["version"] != VERSION:
            raise InputError(f"{folder} is a bank of faces of version {held['version']}, not {VERSION}.")
        names = tuple(dict.fromkeys(str(source["person"]) for source in held["sources"] if source["faces"]))
        crops: list[np.ndarray] = []
        parts: dict[str, list[np.ndarray]] = {key: [] for key in ("landmarks", "times", "widths", "scales")}
        people: list[int] = []
        sources: list[int] = []
        for number, source in enumerate(held["sources"]):
            if not source["faces"]:
                continue
            crops += list(np.load(folder / f"{number:05d}.npy", mmap_mode="r", allow_pickle=False))
            with np.load(folder / f"{number:05d}.npz", allow_pickle=False) as arrays:
                for key, values in parts.items():
                    values.append(arrays[key])
            people += [names.index(source["person"])] * source["faces"]
            sources += [number] * source["faces"]
        size, coverage, notes = int(held["size"]), float(held["coverage"]), tuple(held["notes"])
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise InputError(f"{folder} holds no bank of faces that can be read; remove it and make it again.") from error
    if not crops:
        raise InputError(f"{folder} holds a bank without a face.")
    joined = {key: np.concatenate(values) for key, values in parts.items()}
    if len({len(crops), len(people), *(len(values) for values in joined.values())}) != 1:
        raise InputError(f"{folder} holds a bank of faces whose files do not match; remove it and make it again.")
    joined |= {"people": np.array(people), "sources": np.array(sources)}
    return FaceBank(crops, names=names, size=size, coverage=coverage, notes=notes, **joined)
