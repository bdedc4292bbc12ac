"""What a detector learns from one kind of swap, and what it makes of another: train on each, test on all.

Three tables: one method against the others, all methods but one against that one, and one compression level against
the others. Every row is a detector of its own, trained on pairs of the part ``train`` and tested on people whom it
never saw. Crops, detectors and cells are kept under hashes of what they were made of: a run that is killed goes on,
and a larger run takes over what a smaller one has done.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from datasets.atomic import replacing
from datasets.checkpoint import CARD
from datasets.errors import InputError, Refused
from datasets.manifest import is_dataset
from datasets.progress import Progress, silent
from datasets.workspace import sha256
from detect.framing import scoring_framing, stored_coverage, stored_size
from detect.recipe import RecipeSettings, make_recipe, part_people
from detect.recipes.paired import PairSample
from detect.training import TrainSettings, train_recipe
from evaluate.clipset import UNKNOWN, LabelledClip, labelled_clips
from evaluate.detectorquality import slice_figures
from evaluate.detectortraining import held_people, parted
from evaluate.figures import Judged
from evaluate.intervals import DRAWS
from evaluate.labelledpairs import LabelledPair, crops_of
from evaluate.scorecache import ScoreCache, code_id, detector_id, key_text
from evaluate.scored import Job, encoded

KINDS = ("methods", "leave one out", "compression")
TRAIN, TEST = "train", "test"
TEST_SHARE = 0.34
CODE = ("evaluate/matrix.py", "evaluate/labelledpairs.py")


@dataclass(frozen=True)
class Pair:
    """A fake and its own original, with what it can be sorted by."""

    fake: LabelledClip
    original: LabelledClip
    part: str

    @property
    def method(self) -> str:
        return self.fake.method

    @property
    def level(self) -> str:
        return self.fake.level


@dataclass(frozen=True)
class Row:
    """One detector and what it is tried on.

    Attributes:
        name: of the row. train: the pairs that it learns from. columns: (name, pairs) of each.
    """

    name: str
    train: tuple[Pair, ...]
    columns: tuple[tuple[str, tuple[Pair, ...]], ...]


@dataclass(frozen=True)
class MatrixSettings:
    """How rows are trained and cells are measured.

    Attributes:
        training: of every detector; its seed is that of the drawing too.
        size, coverage: of the network's input.
        frames: of each clip. clips: pairs of each method, level and part at most.
        draws: of the intervals.
    """

    training: TrainSettings
    size: int = 128
    coverage: float = 1.25
    frames: int = 8
    clips: int = 8
    draws: int = DRAWS

    @property
    def stored(self) -> tuple[int, float]:
        return stored_size(self.size, self.coverage), stored_coverage(self.coverage)

    @property
    def drawn(self) -> RecipeSettings:
        return RecipeSettings(self.size, self.coverage, self.training.batch, self.training.seed)


def pairs_of(folders: Sequence[Path], seed: int, consent: str | None = None) -> list[Pair]:
    """The pairs of data sets, each in the part ``train`` or ``test``, no person in both.

    A data set's own parts are kept (``val`` belongs to the training); of others a third of the people is for testing.

    Args:
        consent: the ground to train on clips that bring no record of their own: a basis, or a file of records.

    Raises:
        Refused: no ground. InputError: no pairs, or nothing in one of the parts.
    """
    found: list[Pair] = []
    for folder in folders:
        clips = labelled_clips(folder, "all" if is_dataset(folder) else None)
        _ground(Path(folder), consent)
        originals = {(clip.pair, clip.level): clip for clip in clips if not clip.fake}
        both = [(c, originals[c.pair, c.level]) for c in clips if c.fake and (c.pair, c.level) in originals]
        own_parts = {clip.split for clip in clips} >= {TRAIN, TEST}
        people = sorted({fake.person for fake, _ in both})
        if not own_parts and len(people) < 2:
            raise InputError(f"{folder} has swaps of fewer than two people, so nobody is left to test on.")
        tested = set() if own_parts else part_people(people, seed, TEST_SHARE)[1]
        for fake, original in both:
            known = replace(fake, method=Path(folder).name if fake.method == UNKNOWN else fake.method)
            part = fake.split if own_parts else TEST if fake.person in tested else TRAIN
            found.append(Pair(known, original, TEST if part == TEST else TRAIN))
    for part in (TRAIN, TEST):
        if not any(pair.part == part for pair in found):
            raise InputError(f"There is no fake with its original in the part {part}.")
    return found


def _ground(folder: Path, consent: str | None) -> None:
    from datasets.labelledset import LabelledSet
    from datasets.provenance.consent import BASES, from_option
    from evaluate.clipset import results_in

    if is_dataset(folder):
        without = next((clip for clip in LabelledSet(folder).clips if not clip.consent), None)
        if without is None:
            return
    elif workspaces := results_in([folder]):
        for workspace in workspaces:
            workspace.require_consent()
        return
    if consent is None:
        raise Refused(
            f"Training on {folder} uses people's faces, and it does not say on what ground: say it with --consent "
            f"{'|'.join(BASES)} or a TOML file with the records."
        )
    from_option(consent, folder.name, folder.name)


def tables(
    pairs: Sequence[Pair], kinds: Sequence[str] = KINDS, level: str | None = None, most: int = 8
) -> dict[str, list[Row]]:
    """The rows of each table, by kind; a kind for which there is too little is left out.

    Args:
        level: at which methods are compared; the middle one where nothing is said.
        most: pairs of each method, level and part.

    Raises:
        InputError: no such kind or level, or nothing can be compared.
    """
    if wrong := set(kinds) - set(KINDS):
        raise InputError(f"There is no table {', '.join(sorted(wrong))}; there are: {', '.join(KINDS)}.")
    levels = list(dict.fromkeys(pair.level for pair in pairs))
    if level is not None and level not in levels:
        raise InputError(f"There is no level {level!r}; there are: {', '.join(levels)}.")
    at = level or levels[len(levels) // 2]
    methods = sorted({pair.method for pair in pairs})

    def some(part: str, method: Sequence[str], where: str) -> tuple[Pair, ...]:
        found: list[Pair] = []
        for name in method:
            own = [p for p in pairs if p.part == part and p.method == name and p.level == where]
            found += [own[int((i + 0.5) * len(own) / most)] for i in range(most)] if len(own) > most else own
        return tuple(found)

    tests = [(m, some(TEST, [m], at)) for m in methods]
    rows = {
        "methods": [Row(m, some(TRAIN, [m], at), tuple(tests)) for m in methods],
        "leave one out": [
            Row(f"all but {m}", some(TRAIN, [o for o in methods if o != m], at), tuple(tests)) for m in methods
        ],
        "compression": [
            Row(one, some(TRAIN, methods, one), tuple((other, some(TEST, methods, other)) for other in levels))
            for one in levels
        ],
    }
    enough = {"methods": len(methods) > 1, "leave one out": len(methods) > 2, "compression": len(levels) > 1}
    found = {kind: [row for row in rows[kind] if row.train] for kind in kinds if enough[kind]}
    if not any(found.values()):
        raise InputError(
            f"There is nothing to compare: {len(methods)} method(s), {len(levels)} level(s); two of either are needed."
        )
    return found


class Matrix:
    """Trains and measures in a folder.

    Args:
        folder: where crops, detectors and cells are kept.
    """

    def __init__(self, folder: Path, settings: MatrixSettings, progress: Progress = silent) -> None:
        self.folder, self.settings, self.progress = Path(folder), settings, progress
        self.cells = ScoreCache(self.folder / "cells.jsonl")
        self.known = self.cells.known()
        self._hashes: dict[Path, str] = {}

    def table(self, rows: Sequence[Row]) -> dict[str, Any]:
        """The cells of one table, see docs/evaluation.md."""
        columns = [name for name, _ in rows[0].columns]
        found = []
        for row in rows:
            folder = self.trained(row)
            found.append([self.cell(folder, pairs) for _, pairs in row.columns])
        return {
            "rows": [row.name for row in rows],
            "columns": columns,
            "train_pairs": [len(row.train) for row in rows],
            "test_pairs": [len(pairs) for _, pairs in rows[0].columns],
            "auc": [[_figure(cell, "auc") for cell in line] for line in found],
            "cells": found,
        }

    def trained(self, row: Row) -> Path:
        """The detector of a row, trained now or before; a training that was stopped goes on."""
        settings = self.settings
        key = {
            "train": sorted(self._pair_hash(pair) for pair in row.train),
            "training": settings.training.identity(),
            "input": [settings.size, settings.coverage, settings.frames],
            "code": code_id(*CODE),
        }
        name = hashlib.sha256(key_text(key).encode()).hexdigest()[:16]
        folder = self.folder / "detectors" / name
        if (folder / CARD).is_file():
            return folder
        size, coverage = settings.stored
        samples = [sample for pair in row.train for sample in self.crops(pair, size, coverage)]
        if not samples:
            raise InputError(f"In none of the swaps of {row.name} was a changed face found.")
        held = held_people({sample.person for sample in samples}, set(), settings.training.seed)
        recipe = make_recipe("paired", parted(samples, None, held, coverage), settings.drawn)
        words = f"{len(row.train)} swaps with their originals ({row.name})"
        whole = replace(settings.training, coverage=settings.coverage, name=f"matrix-{name}", trained_on=words)
        train_recipe(recipe, replace(whole, scope={"kind": "general"}), folder, self.progress)
        return folder

    def cell(self, detector: Path, pairs: Sequence[Pair]) -> dict[str, Any]:
        """What a detector makes of pairs: figures of clips and frames, from what is kept or anew."""
        from detect.detector import load_detector

        settings = self.settings
        key = {
            "detector": detector_id(detector),
            "test": sorted(self._pair_hash(pair) for pair in pairs),
            "input": [settings.size, settings.coverage, settings.frames],
            "draws": settings.draws,
            "code": code_id(*CODE),
        }
        if (held := self.known.get(key_text(key))) is not None:
            return dict(held)
        judge, judged = load_detector(detector, settings.training.device), list[Judged]()
        for pair in pairs:
            made = self._inputs(pair)
            if not made:
                continue
            for fake, images in ((1, [one.fake for one in made]), (0, [one.real for one in made])):
                said = judge.score(np.stack(images)).probability
                judged.append(
                    Judged(
                        pair.fake.name,
                        pair.fake.group,
                        fake,
                        float(said.mean()),
                        "cannot tell",
                        tuple(said.tolist()),
                        f"{pair.fake.name} {pair.level}",
                        pair.method,
                    )
                )
        found = slice_figures(judged, settings.draws, min(settings.draws, 200)) if judged else {}
        self.cells.add(key, found)
        self.known[key_text(key)] = found
        return found

    def _inputs(self, pair: Pair) -> list[Any]:
        """Pairs of pictures as the network takes them in scoring."""
        from detect.framing import Made, framed

        size, coverage = self.settings.stored
        made = [Made(s.fake, s.real, s.mask) for s in self.crops(pair, size, coverage)]
        framing = scoring_framing(self.settings.coverage)
        return framed(made, [framing] * len(made), coverage, self.settings.size)

    def crops(self, pair: Pair, size: int, coverage: float) -> list[PairSample]:
        """Crops of some frames of a pair, cut now or before."""
        person, key = (
            pair.fake.person or pair.fake.group,
            f"{self._pair_hash(pair)}-{size}-{coverage}-{self.settings.frames}",
        )
        file = self.folder / "crops" / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npz"
        if not file.is_file():
            self.progress("cutting out pairs", 0, None, pair.fake.name)
            with encoded(Job(pair.original.path, Path(), like=pair.original.like)) as original:
                both = LabelledPair(pair.fake.path, original, pair.original.name, "", mask=pair.fake.mask)
                samples = crops_of(both, size, coverage, self.settings.frames, person)
            _write_crops(file, samples, size)
        return _read_crops(file, pair.fake.group, person)

    def _pair_hash(self, pair: Pair) -> str:
        parts = [pair.fake.path, pair.original.path, *([pair.original.like] if pair.original.like else [])]
        for path in parts:
            if path not in self._hashes:
                self._hashes[path] = sha256(path)
        return hashlib.sha256("".join(self._hashes[path] for path in parts).encode()).hexdigest()


def _write_crops(file: Path, samples: Sequence[PairSample], size: int) -> None:
    empty = np.zeros((0, size, size, 3), np.uint8)
    with replacing(file) as temporary, temporary.open("wb") as opened:
        np.savez(
            opened,
            fake=np.stack([s.fake for s in samples]) if samples else empty,
            real=np.stack([s.real for s in samples]) if samples else empty,
            mask=np.rint(255 * np.stack([s.mask for s in samples])).astype(np.uint8) if samples else empty[..., 0],
            time=np.array([s.time for s in samples]),
            width=np.array([s.width for s in samples]),
            scale=np.array([s.scale for s in samples]),
        )


def _read_crops(file: Path, clip: str, person: str) -> list[PairSample]:
    with np.load(file, allow_pickle=False) as held:
        arrays = {name: held[name] for name in ("fake", "real", "mask", "time", "width", "scale")}
    return [
        PairSample(
            arrays["fake"][i], arrays["real"][i], arrays["mask"][i].astype(np.float32) / 255, float(arrays["time"][i]),
            clip, float(arrays["width"][i]), person, float(arrays["scale"][i]),
        )
        for i in range(len(arrays["time"]))
    ]  # fmt: skip


def _figure(cell: Mapping[str, Any], name: str) -> float | None:
    value = cell.get("clip", {}).get(name) if cell else None
    return None if value is None else float(value)


def described(settings: MatrixSettings) -> dict[str, Any]:
    """The settings as a study says them."""
    table = asdict(settings)
    training = {key: value for key, value in table.pop("training").items() if value not in (None, {}, ())}
    return table | {f"training: {key}": json.dumps(value) for key, value in training.items() if key != "trained_on"}
