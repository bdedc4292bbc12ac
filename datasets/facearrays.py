"""A face set packed into arrays: what training needs, and nothing that a bare GPU machine has not got."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.atomic import replacing
from datasets.errors import InputError

VERSION = 2


@dataclass(frozen=True)
class FaceArrays:
    """N faces of one track at one size and coverage, in frame order.

    Attributes:
        images: uint8 (N, S, S, 3), RGB.
        masks: uint8 (N, S, S), the face's hull, 0 to 255.
        landmarks: float32 (N, 478, 2), crop pixels.
        frames: int64 (N,), the frame each face was cut from.
        times: float64 (N,), seconds.
        angles: float32 (N, 3), yaw, pitch and roll of the head, degrees.
        coverage: crop side over landmark box.
    """

    images: np.ndarray
    masks: np.ndarray
    landmarks: np.ndarray
    frames: np.ndarray
    times: np.ndarray
    angles: np.ndarray
    coverage: float

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        """Crop side, pixels."""
        return int(self.images.shape[1])

    def subset(self, index: np.ndarray | slice) -> FaceArrays:
        """The faces that ``index`` picks."""
        return FaceArrays(
            self.images[index],
            self.masks[index],
            self.landmarks[index],
            self.frames[index],
            self.times[index],
            self.angles[index],
            self.coverage,
        )

    def save(self, path: Path) -> None:
        """Write to a ``.npz``, all or nothing."""
        with replacing(Path(path)) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                version=np.int64(VERSION),
                images=self.images,
                masks=self.masks,
                landmarks=self.landmarks,
                frames=self.frames,
                times=self.times,
                angles=self.angles,
                coverage=np.float64(self.coverage),
            )

    @classmethod
    def load(cls, path: Path) -> FaceArrays:
        """Read what ``save`` wrote. Raises InputError when it is missing, damaged or of another version."""
        import zipfile

        path = Path(path)
        if not path.is_file():
            raise InputError(f"There is no packed face set {path}.")
        try:
            with np.load(path, allow_pickle=False) as held:
                if int(held["version"]) != VERSION:
                    raise InputError(f"{path} is a packed face set of version {int(held['version'])}, not {VERSION}.")
                names = ("images", "masks", "landmarks", "frames", "times", "angles")
                arrays = [held[name] for name in names]
                coverage = float(held["coverage"])
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} is not a packed face set that can be read.") from error
        if len({len(array) for array in arrays}) != 1 or arrays[0].ndim != 4:
            raise InputError(f"{path} is not a packed face set: its arrays do not match.")
        return cls(*arrays, coverage)  # type: ignore[call-arg]
