"""Looking through a face set for faces that should go, and marking them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.curate.figures import Figures, measure
from datasets.curate.marks import Marks, mark, read_marks, write_marks
from datasets.curate.reasons import REASONS, WRONG_PERSON, Found, Limits, others_by_embedding, others_by_shape
from datasets.errors import InputError
from datasets.faceset import FaceSet, Tracks, is_of
from datasets.progress import Progress, silent

DAMAGED = "damaged"


@dataclass(frozen=True)
class Cleaned:
    """What cleaning found.

    Attributes:
        faces: how many were looked at.
        marks: all marks that the set has now.
        found: for each reason that ran, how many faces it marks.
        notes: sentences for a person.
    """

    faces: int
    marks: Marks
    found: dict[str, int]
    notes: tuple[str, ...]


def clean(
    faces: FaceSet,
    reasons: Sequence[str],
    limits: Limits = Limits(),
    embedding: Path | None = None,
    track: Tracks = None,
    progress: Progress = silent,
) -> Cleaned:
    """Mark the faces of a set that should go. Marks alone change nothing; those of other reasons, and of
    faces that are not looked at, stay.

    Args:
        reasons: names of ``datasets.curate.reasons.NAMES``.
        embedding: an identity network for ``wrong-person``; else the one of the weights' table where it is on this
            machine; else that reason goes by the shape of the landmarks, and a note says so.
        track: whose faces; all when None.

    Raises:
        InputError: not one crop can be read, or the network can't.
    """
    network, notes = _network(embedding, WRONG_PERSON in reasons)
    figures = measure(faces, track, progress)
    marks: Marks = {}
    found: dict[str, int] = {}
    for reason in reasons:
        if reason == WRONG_PERSON and network is not None:
            places = others_by_embedding(figures, _embed(faces, figures, network, progress), limits)
        elif reason == WRONG_PERSON:
            places = others_by_shape(figures, _shape_likeness(faces, track))
        else:
            places = REASONS[reason](figures, limits)
        found[reason] = len(places)
        _join(marks, figures, reason, places)
    if figures.damaged:
        found[DAMAGED] = len(figures.damaged)
        for name in figures.damaged:
            marks.setdefault(name, {})[DAMAGED] = "its picture can't be read"
    # What a network has found is not forgotten because the next run has none.
    renewed = [reason for reason in reasons if reason != WRONG_PERSON or network is not None]
    looked_at = {*figures.file, *figures.damaged}
    whole = mark(read_marks(faces.folder), marks, (*renewed, DAMAGED), looked_at)
    write_marks(faces.folder, whole)
    return Cleaned(len(figures) + len(figures.damaged), whole, found, tuple(notes))


def _join(marks: Marks, figures: Figures, reason: str, places: Found) -> None:
    for i, said in places.items():
        marks.setdefault(figures.file[i], {})[reason] = said


def _network(file: Path | None, wanted: bool) -> tuple[Path | None, list[str]]:
    from datasets.weights import TABLE, local

    if not wanted:
        return None, []
    if file is not None:
        if not Path(file).is_file():
            raise InputError(f"There is no file {file}.")
        return Path(file), []
    held = local("mobilefacenet")
    if held is not None:
        return held, []
    about = TABLE["mobilefacenet"]
    return None, [
        "People were told apart by the shape of their landmarks, track by track, which is much weaker than an "
        f"identity network and sees no change of person within a track: counterface weights fetch {about.name} "
        f"({about.megabytes} MB), or --embedding FILE."
    ]


def _shape_likeness(faces: FaceSet, tracks: Tracks) -> dict[int, float]:
    """How alike each track is to the largest, by the shape of its landmarks in its most frontal faces."""
    from datasets.faces.likeness import Likeness, View, best_rows

    likeness, nothing = Likeness(None), np.zeros((1, 1, 3), np.uint8)
    held = {track: rows for track, rows in best_rows(faces).items() if is_of(track, tracks)}
    vectors = {
        track: likeness.describe([View(nothing, row.five_points, row.landmarks) for row in rows])
        for track, rows in held.items()
    }
    known = {track: vector for track, vector in vectors.items() if vector is not None}
    sizes = {track["id"]: track["faces"] * track["median_width"] ** 2 for track in faces.info.tracks}
    if not known:
        return {}
    largest = known[max(known, key=lambda track: sizes.get(track, 0.0))]
    return {track: likeness.between(largest, vector) for track, vector in known.items()}


def _embed(faces: FaceSet, figures: Figures, file: Path, progress: Progress) -> np.ndarray:
    """The set's embeddings, float32 (N, 128). A crop that has gone meanwhile gets the mean: no mark."""
    from datasets.faces.identity import LENGTH, IdentityEmbedding, aligned

    network = IdentityEmbedding(file)
    vectors = np.full((len(figures), LENGTH), np.nan, np.float32)
    for i, (name, points) in enumerate(zip(figures.file, figures.five_points, strict=True)):
        try:
            vectors[i] = network.embed([aligned(faces.picture(name), points)])[0]
        except InputError:
            continue
        progress("telling people apart", i + 1, len(figures))
    gone = np.isnan(vectors[:, 0])
    vectors[gone] = vectors[~gone].mean(axis=0) if not gone.all() else 0
    return vectors
