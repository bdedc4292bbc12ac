"""Face crops for a training loop: a stream that several workers and several machines share without reading one twice.

loader = DataLoader(FaceCrops(folder, split="train"), batch_size=32, num_workers=2)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from datasets.labelledset import FaceCrop, LabelledSet
from datasets.manifest import CROP_COVERAGE, ClipRow


class FaceCrops(IterableDataset[dict[str, Any]]):
    """Every face of a split as ``{"image", "mask", "label", ...}``, clip by clip, mixed in a buffer.

    ``image`` is float32 (3, S, S) in [0, 1], ``mask`` float32 (1, S, S) in [0, 1], ``label`` 1 of a changed face and 0
    of a real one; ``clip``, ``level``, ``method``, ``frame``, ``track`` and ``time`` say what it is. Clips are dealt
    out to workers (and, with ``rank`` and ``world``, to processes that train together); each worker opens its own
    files, and holds ``buffer`` crops at most. The order follows from ``seed`` and the epoch.

    Args:
        folder: a data set.
        split: ``train``, ``val``, ``test``, or None for all.
        levels: compression levels; all when None.
        size, coverage: of the crops. every: of every how manieth frame. most: frames a clip at most.
        shuffle: draw clips in a random order and crops from the buffer; else all come in the manifest's order.
        masks: read the swap masks, too.

    Raises:
        InputError: there is no such set, or its manifest was edited; while iterating, a file that is gone or damaged.
            No sample is ever replaced by another one.
    """

    def __init__(
        self,
        folder: Path,
        split: str | None = "train",
        levels: Sequence[str] | None = None,
        size: int = 224,
        coverage: str | float = CROP_COVERAGE,
        every: int = 1,
        most: int | None = None,
        shuffle: bool = True,
        masks: bool = True,
        seed: int = 0,
        buffer: int = 256,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.data = LabelledSet(folder)
        wanted = self.data.levels if levels is None else tuple(levels)
        self.clips = [clip for clip in self.data.select(split) if clip.level in wanted]
        self.size, self.coverage, self.every, self.most, self.masks = size, coverage, every, most, masks
        self.shuffle, self.seed, self.buffer = shuffle, seed, max(1, buffer)
        self.rank, self.world, self.epoch = rank, world, 0

    def set_epoch(self, epoch: int) -> None:
        """Another order for another pass."""
        self.epoch = epoch

    def _share(self) -> tuple[list[ClipRow], np.random.Generator]:
        """The clips of this worker, and its own random numbers."""
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        order = np.arange(len(self.clips))
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(order)
        number, of = self.rank * workers + worker, self.world * workers
        return [self.clips[i] for i in order[number::of]], np.random.default_rng([self.seed, self.epoch, number])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        clips, rng = self._share()
        held: list[FaceCrop] = []
        for clip in clips:
            for crop in self.data.crops(clip, self.size, self.coverage, self.every, self.most, self.masks):
                if not self.shuffle:
                    yield sample(crop)
                    continue
                held.append(crop)
                if len(held) > self.buffer:
                    yield sample(_drawn(held, rng))
        while held:
            yield sample(_drawn(held, rng))


def _drawn(held: list[FaceCrop], rng: np.random.Generator) -> FaceCrop:
    at = int(rng.integers(len(held)))
    held[at], held[-1] = held[-1], held[at]
    return held.pop()


def sample(crop: FaceCrop) -> dict[str, Any]:
    """A crop as a training loop takes it."""
    return {
        "image": torch.from_numpy(np.ascontiguousarray(crop.image.transpose(2, 0, 1))).float().div_(255),
        "mask": torch.from_numpy(crop.mask[None]).float().div_(255),
        "label": crop.label,
        "clip": crop.clip.clip,
        "level": crop.clip.level,
        "method": crop.clip.method or "",
        "frame": crop.face.frame,
        "track": crop.face.track,
        "time": crop.face.time,
    }
