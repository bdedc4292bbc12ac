"""What ``evaluate.quality`` measures, taken from a workspace: its model rendered anew over stretches of the clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from datasets.errors import InputError
from datasets.faces.align import align_affine, warp_crop
from datasets.faces.finder import make_finder
from datasets.faces.identity import IdentityEmbedding, aligned
from datasets.faceset import FaceSet, load_arrays
from datasets.progress import Progress, silent, tell
from datasets.workspace import Workspace
from evaluate.quality import Fidelity, consecutive, cosine, fidelity, nearer_to
from synth.composite.session import Settings
from synth.people import person_of
from synth.pipeline import load_model
from synth.rendering import Swapped, swapped_frames

IDENTITY_EVERY = 4
REFERENCES = 24
SHEET_COLUMNS, SHEET_SIDE, SHEET_COVERAGE = 6, 256, 1.9


@dataclass(frozen=True)
class SwapQuality:
    """A swap measured against its original and its source.

    Attributes:
        fidelity: pose, landmarks, flicker (see ``evaluate.quality``).
        nearer: share of the frames whose identity is nearer to the source than to the destination, None when no
            identity network was given.
        to_source, to_destination: mean cosine of the swap's identity to each.
        sheet: uint8 RGB contact sheet of originals over swaps, not yet marked.
    """

    fidelity: Fidelity
    nearer: float | None
    to_source: float | None
    to_destination: float | None
    sheet: np.ndarray


def swap_quality(
    workspace: Workspace,
    method: str,
    settings: Settings,
    frames: int = 120,
    embedding: IdentityEmbedding | None = None,
    device: str = "auto",
    progress: Progress = silent,
) -> SwapQuality:
    """Measure a trained swap on up to ``frames`` frames, in four stretches over the clip, before marks are put on.

    Raises:
        InputError: no model, no face set, or no face was swapped.
    """
    faces = FaceSet(workspace.faces("destination"))
    model = load_model(workspace, method, device)
    track, _ = person_of(workspace, "destination", faces)
    wanted = list(consecutive(faces.info.frames, frames))
    identities: list[np.ndarray] = []
    originals: list[np.ndarray] = []
    tiles: list[np.ndarray] = []
    tile_every = max(1, len(wanted) // (2 * SHEET_COLUMNS))

    def pairs() -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        stream = swapped_frames(workspace.clip("destination"), faces, model, settings, track, wanted)
        for number, swapped in enumerate(stream):
            progress("measuring the swap", number + 1, len(wanted))
            if swapped.row is None:
                continue
            if embedding is not None and number % IDENTITY_EVERY == 0:
                identities.append(aligned(swapped.image, swapped.row.five_points))
                originals.append(aligned(swapped.frame.image, swapped.row.five_points))
            if number % tile_every == 0:
                tiles.append(_tile(swapped))
            yield swapped.frame.index, swapped.image, swapped.frame.image, swapped.row.box

    try:
        measured = fidelity(pairs(), (make_finder("mediapipe"), make_finder("mediapipe")))
    except ValueError as error:
        raise InputError(f"No face of {faces.info.clip} was swapped, so there is nothing to measure.") from error
    nearer = to_source = to_destination = None
    if embedding is not None:
        made, source, original = (embedding.embed(e) for e in (identities, source_faces(workspace), originals))
        nearer = nearer_to(made, source, original)
        to_source, to_destination = cosine(made, source), cosine(made, original)
    return SwapQuality(measured, nearer, to_source, to_destination, _sheet(tiles))


def identity_network(progress: Progress = silent) -> IdentityEmbedding | None:
    """The identity network where it is on this machine; None, and a sentence how to get it, where it is not."""
    from datasets.weights import entry, folders, local

    file, weights = local("mobilefacenet"), entry("mobilefacenet")
    if file is None:
        tell(
            progress,
            f"Identity is not measured: {weights.file} ({weights.megabytes} MB, {weights.licence}) is not here; fetch "
            f"it with counterface weights fetch {weights.name}, or put it into {folders()[0]}.",
        )
        return None
    return IdentityEmbedding(file)


def source_faces(workspace: Workspace) -> list[np.ndarray]:
    """Faces of the source as identity networks take them, cut from its stored crops."""
    from datasets.faces.align import five_of_mesh

    faces = FaceSet(workspace.faces("source"))
    track, _ = person_of(workspace, "source", faces)
    arrays = load_arrays(faces, 224, 1.6, track, REFERENCES)
    return [aligned(i, five_of_mesh(p)) for i, p in zip(arrays.images, arrays.landmarks, strict=True)]


def _tile(swapped: Swapped) -> np.ndarray:
    assert swapped.row is not None
    points = swapped.row.five_points if swapped.row.landmarks is None else swapped.row.landmarks
    affine = align_affine(points, SHEET_SIDE, SHEET_COVERAGE)
    return np.vstack([warp_crop(image, affine, SHEET_SIDE) for image in (swapped.frame.image, swapped.image)])


def _sheet(tiles: list[np.ndarray]) -> np.ndarray:
    """Rows of originals over swaps."""
    tiles = tiles[: 2 * SHEET_COLUMNS]
    blank = np.full((2 * SHEET_SIDE, SHEET_SIDE, 3), 255, np.uint8)
    rows = [tiles[i : i + SHEET_COLUMNS] for i in range(0, len(tiles), SHEET_COLUMNS)]
    return np.vstack([np.hstack(row + [blank] * (SHEET_COLUMNS - len(row))) for row in rows])
