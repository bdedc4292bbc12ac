"""Reading a labelled data set: clips, faces, masks and pairs, streamed; what everything but a training loop uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from datasets.errors import InputError
from datasets.manifest import (
    CROP_COVERAGE,
    CROP_SIZE,
    FACES,
    ClipRow,
    Index,
    LabelledFace,
    read_clips,
    read_index,
    row_of,
)


@dataclass(frozen=True)
class FaceCrop:
    """One face, cut out of a frame.

    Attributes:
        image: uint8 RGB (S, S, 3).
        mask: uint8 (S, S), the swap mask of that frame, 0 to 255; zeros where nothing was changed.
        clip, face: its rows.
    """

    image: np.ndarray
    mask: np.ndarray
    clip: ClipRow
    face: LabelledFace

    @property
    def label(self) -> int:
        """1 of a changed face, 0 of a real one."""
        return int(self.face.label == "fake")


class LabelledSet:
    """A labelled data set on disk.

    Args:
        folder: with its ``dataset.json``.
        check: that the manifest is the one that was written; leave it on unless it was just checked.

    Raises:
        InputError: there is none, or its manifest was edited or is damaged.
    """

    def __init__(self, folder: Path, check: bool = True) -> None:
        self.folder = Path(folder)
        self.index: Index = read_index(self.folder, check)

    @cached_property
    def clips(self) -> tuple[ClipRow, ...]:
        """All rows of the clips, in the manifest's order."""
        return tuple(read_clips(self.folder))

    @property
    def files(self) -> Path:
        """The folder below which the files of the manifest lie."""
        return Path(self.index.files_in) if self.index.files_in else self.folder

    @property
    def levels(self) -> tuple[str, ...]:
        """The compression levels, in the manifest's order."""
        return tuple(dict.fromkeys(clip.level for clip in self.clips))

    def path(self, name: str) -> Path:
        """A file of the manifest.

        Raises:
            InputError: it is gone, or its name leads out of the data set.
        """
        file = self.files / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise InputError(f"The manifest of {self.folder} names {name}, which lies outside it.")
        if not file.exists():
            again = "" if self.index.kind == "imported" else "; the same counterface dataset build makes it again"
            raise InputError(f"{file}, which the manifest names, is gone{again}.")
        return file

    def select(
        self, split: str | None = None, level: str | None = None, label: str | None = None
    ) -> tuple[ClipRow, ...]:
        """The clips of a split, of a level, of a label; of all where None."""
        return tuple(
            clip
            for clip in self.clips
            if split in (None, clip.split) and level in (None, clip.level) and label in (None, clip.label)
        )

    def pairs(self, level: str | None = None) -> list[tuple[ClipRow, ClipRow]]:
        """(fake, its own original at the same level); a fake whose original is not in the set is left out."""
        known = {(clip.clip, clip.level): clip for clip in self.clips if not clip.is_fake}
        fakes = self.select(level=level, label="fake")
        keys = [(fake.original or "", fake.level) for fake in fakes]
        return [(fake, known[key]) for fake, key in zip(fakes, keys, strict=True) if key in known]

    def faces(self, clip: str) -> list[LabelledFace]:
        """The faces of a clip, in frame order."""
        return list(faces_of(self.folder, [clip]))

    def counts(self) -> Counter[tuple[str, str, str]]:
        """How many clips there are of each (split, level, label)."""
        return Counter((clip.split, clip.level, clip.label) for clip in self.clips)

    def crops(
        self,
        clip: ClipRow,
        size: int = CROP_SIZE,
        coverage: str | float = CROP_COVERAGE,
        every: int = 1,
        most: int | None = None,
        masks: bool = True,
        frames: Sequence[int] | None = None,
    ) -> Iterator[FaceCrop]:
        """The faces of a clip, cut out as its frames are decoded; memory does not grow with the clip.

        Args:
            size: side, pixels. coverage: as ``datasets.faces.align``.
            every: of every how manieth frame. most: of so many frames at most, spread evenly.
            masks: read the swap masks as well; else they are zeros.
            frames: of these frames alone, ascending; those without a face are passed over.

        Raises:
            InputError: a file is gone or damaged, or shorter than the manifest says.
        """
        import cv2

        from datasets.faces.align import rescale_affine, warp_crop
        from datasets.video import frames_at, read_frames, read_grey

        by_frame: dict[int, list[LabelledFace]] = {}
        for face in self.faces(clip.clip):
            by_frame.setdefault(face.frame, []).append(face)
        known = sorted(by_frame) if frames is None else [frame for frame in frames if frame in by_frame]
        wanted = chosen_frames(known, every, most)
        path = self.path(clip.file)
        sparse = len(wanted) * 4 < clip.frames
        pictures = frames_at(path, wanted) if sparse else read_frames(path)
        with_mask = masks and clip.mask is not None
        truths: Iterator[np.ndarray] = iter(())
        if with_mask:
            assert clip.mask is not None
            file = self.path(clip.mask)
            truths = (
                (f.image[..., 0] for f in frames_at(file, wanted)) if sparse else (g for g, _, _ in read_grey(file))
            )
        left = set(wanted)
        for frame in pictures:
            truth = next(truths, None) if with_mask else None
            if frame.index not in left:
                continue
            left.discard(frame.index)
            for face in by_frame[frame.index]:
                affine = np.array(face.affine, np.float64).reshape(2, 3)
                affine = rescale_affine(affine, CROP_SIZE, CROP_COVERAGE, size, coverage)
                mask: np.ndarray = np.zeros((size, size), np.uint8)
                if truth is not None and face.label == "fake":
                    # A mask has no texture that could alias: one warp does.
                    mask = cv2.warpAffine(np.ascontiguousarray(truth), affine, (size, size), flags=cv2.INTER_LINEAR)
                yield FaceCrop(warp_crop(frame.image, affine, size), mask, clip, face)
        if left:
            raise InputError(f"{path} ends before frame {min(left)}, which the manifest names; build it again.")


def chosen_frames(frames: Sequence[int], every: int = 1, most: int | None = None) -> list[int]:
    """Of ascending frame numbers, every ``every``-th, and of these ``most`` at most, spread evenly."""
    kept = [frame for frame in frames if frame % every == 0]
    if most is None or len(kept) <= most:
        return kept
    return [kept[int((i + 0.5) * len(kept) / most)] for i in range(most)]


def faces_of(folder: Path, clips: Sequence[str]) -> Iterator[LabelledFace]:
    """The faces of some clips, without reading those of others: row groups that hold none are passed over.

    Raises:
        InputError: the table is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = Path(folder) / f"{FACES}.parquet"
    try:
        table = pq.read_table(file, filters=[("clip", "in", list(clips))], partitioning=None, use_threads=False)
        for row in table.to_pylist():
            yield row_of(LabelledFace, row)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{file} is damaged or gone; the same counterface dataset build writes it anew.") from error
