"""Pairs to train a detector on from a labelled data set, or from a folder of labelled clips.

Of a data set the manifest says which clip is a fake, which its original, where the mask lies and who is to be seen; the
clips of its ``test`` part are left out, so that they stay unseen. In a plain folder the clips' Content Credentials say
it, and nothing else of a file is believed. Where there is no swap mask (``NAME_mask.mkv`` beside a fake), what was
changed is measured: the difference of the two clips, smoothed, above what encoding twice leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from datasets.errors import InputError
from datasets.faces.align import align_affine, warp_crop
from datasets.faces.finder import make_finder
from datasets.footage import CLIPS
from datasets.labelled import ORIGINAL
from datasets.labelledset import LabelledSet
from datasets.manifest import is_dataset
from datasets.progress import Progress, silent
from datasets.provenance.reading import read_credentials
from datasets.video import frames_at
from detect.recipes.paired import PairSample
from evaluate.detectability import MASK_FLOOR
from evaluate.matching import matched

CHANGED, UNCHANGED = 14.0, 5.0  # mean difference in 0..255 from which a pixel counts as changed, and up to which not


@dataclass(frozen=True)
class LabelledPair:
    """A fake and its original, frame for frame the same footage.

    Attributes:
        footage: name of the clip that both were made of.
        source: name of what the face was taken from; empty where it is not said.
        consent: the records under which the fake was made.
        mask: file of the swap mask, where it does not lie beside the fake.
    """

    fake: Path
    original: Path
    footage: str
    source: str
    consent: tuple[Mapping[str, Any], ...] = ()
    mask: Path | None = None


def is_labelled(folder: Path) -> bool:
    """Whether a folder is a labelled data set, or holds clips whose Credentials say that they are an original."""
    return is_dataset(folder) or any(said.by_studio and said.kind == ORIGINAL for _, said in _clips(folder))


def labelled_pairs(folder: Path) -> list[LabelledPair]:
    """The fakes of a folder, each with the original of its footage.

    Raises:
        InputError: no fake has its original there, or the manifest of a data set was edited.
    """
    if is_dataset(folder):
        return _of_dataset(folder)
    known = [(path, said) for path, said in _clips(folder) if said.by_studio]
    originals: dict[str, Path] = {}
    for path, said in known:
        if said.kind == ORIGINAL:
            originals.setdefault(_named(said.ingredients, "parentOf"), path)
    found = []
    for path, said in known:
        footage = _named(said.ingredients, "parentOf")
        if said.synthetic and footage in originals:
            records = tuple(said.making.get("consent") or ())
            source = _named(said.ingredients, "componentOf")
            found.append(LabelledPair(path, originals[footage], footage, source, records))
    if not found:
        raise InputError(f"{folder} holds no fake together with the original of the same footage.")
    return found


def _of_dataset(folder: Path) -> list[LabelledPair]:
    """The pairs of a data set that may be trained on, at every level; a person counts as one whatever the clip."""
    data = LabelledSet(folder)
    known = data.index.consent
    found = []
    for fake, original in data.pairs():
        if "test" in (fake.split, original.split):
            continue
        records = tuple(known[one] for one in fake.consent if one in known)
        mask = None if fake.mask is None else data.path(fake.mask)
        pair = LabelledPair(
            data.path(fake.file), data.path(original.file), fake.target, fake.source or fake.target, records, mask
        )
        found.append(pair)
    if not found:
        raise InputError(f"{folder} holds no fake with its original that is not for testing.")
    return found


def _clips(folder: Path) -> Iterator[tuple[Path, Any]]:
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix.lower() in CLIPS and path.is_file() and not path.name.startswith("."):
            yield path, read_credentials(path)


def _named(ingredients: Sequence[Mapping[str, Any]], relationship: str) -> str:
    return next((str(i["title"]) for i in ingredients if i.get("relationship") == relationship), "")


def crops_of(
    pair: LabelledPair, size: int, coverage: float, most: int, person: str, progress: Progress = silent
) -> list[PairSample]:
    """Crops of up to ``most`` frames of a pair, cut alike; frames without a face, or without a change, are left out.

    Raises:
        InputError: the two clips are not frame for frame the same.
    """
    beside = pair.fake.with_name(f"{pair.fake.stem}_mask.mkv")
    mask = pair.mask or (beside if beside.is_file() else None)
    _, times = matched(pair.fake, pair.original, mask)
    count = min(most, len(times))
    chosen = np.unique(((np.arange(count) + 0.5) * len(times) / count).astype(int)).tolist()
    masks: Iterator[Any] = iter([None] * len(chosen)) if mask is None else frames_at(mask, chosen)
    found = []
    with closing(make_finder("mediapipe")) as finder:
        both = zip(frames_at(pair.fake, chosen), frames_at(pair.original, chosen), masks, strict=True)
        for done, (fake, real, truth) in enumerate(both, 1):
            progress("cutting out pairs", done, len(chosen), pair.fake.name)
            finder.reset()
            faces = finder.find(real.image)
            if not faces:
                continue
            affine = align_affine(faces[0], size, coverage)
            swapped, plain = (warp_crop(frame.image, affine, size) for frame in (fake, real))
            if truth is None:
                changed = measured_mask(swapped, plain)
            else:
                changed = warp_crop(truth.image[..., 0], affine, size).astype(np.float32) / 255
            if changed.mean() < MASK_FLOOR:
                continue
            scale = float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))
            width = float(faces[0].box[2] - faces[0].box[0])
            found.append(PairSample(swapped, plain, changed, real.time, pair.footage, width, person, scale))
    return found


def measured_mask(fake: np.ndarray, real: np.ndarray) -> np.ndarray:
    """What two uint8 RGB crops (S, S, 3) differ in, as a soft mask, float32 (S, S) in [0, 1]."""
    difference = np.abs(fake.astype(np.float32) - real.astype(np.float32)).mean(2)
    smooth = cv2.GaussianBlur(difference, (0, 0), max(1.0, len(fake) / 48))
    return np.clip((smooth - UNCHANGED) / (CHANGED - UNCHANGED), 0, 1)
