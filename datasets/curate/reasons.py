"""Why a face should go: each reason looks at what a set measures, and says what it found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from datasets.curate.figures import Figures
from datasets.errors import InputError
from datasets.faces.quality import hash_distance

YAW_DEGREES = 15.0
FEWEST = 8  # faces, of which a usual shape is taken
DEVIATIONS = 6.0
# Likeness by shape (see ``datasets.faces.likeness``) under which a track is another person's: two halves of one clip
# were alike by -.31 and more on nine people, and nine in ten pairs of two people by less than this.
TRACK_LIKENESS = -0.35


@dataclass(frozen=True)
class Limits:
    """From where on a face is marked.

    Attributes:
        blur: part of the set's median sharpness.
        width: pixels.
        score: the finder's confidence.
        inside: part of the face in the frame.
        shape: distance from the person's usual shape at that turn of the head, over the face's size.
        bits: of 64 in which the hashes of duplicates differ at most.
        opening: by which the eyes or the mouth of duplicates differ at most, height over width.
        turn: by which the heads of duplicates differ at most in yaw or pitch, degrees.
        identity: cosine to the person's mean embedding.
    """

    blur: float = 0.3
    width: float = 40.0
    score: float = 0.5
    inside: float = 0.75
    shape: float = 0.03
    bits: int = 2
    opening: float = 0.015
    turn: float = 1.0
    identity: float = 0.35


Found = dict[int, str]


def blurred(figures: Figures, limits: Limits) -> Found:
    """Faces much less sharp than the set's median."""
    middle = float(np.median(figures.sharpness))
    where = np.nonzero(figures.sharpness < limits.blur * middle)[0]
    return {int(i): f"sharpness {figures.sharpness[i]:.0f}, the set's median is {middle:.0f}" for i in where}


def tiny(figures: Figures, limits: Limits) -> Found:
    """Faces of few pixels."""
    return {int(i): f"{figures.width[i]:.0f} pixels wide" for i in np.nonzero(figures.width < limits.width)[0]}


def low_score(figures: Figures, limits: Limits) -> Found:
    """Faces of which the finder was not sure."""
    return {
        int(i): f"the finder's score is {figures.score[i]:.2f}" for i in np.nonzero(figures.score < limits.score)[0]
    }


def cut_off(figures: Figures, limits: Limits) -> Found:
    """Faces that lie partly outside the frame."""
    return {
        int(i): f"{figures.inside[i]:.0%} of the face is in the frame"
        for i in np.nonzero(figures.inside < limits.inside)[0]
    }


def odd_shape(figures: Figures, limits: Limits) -> Found:
    """Faces whose landmarks do not fit this person: far from the usual shape at that turn of the head."""
    away = shape_distance(figures)
    known = np.isfinite(away)
    if known.sum() < FEWEST:
        return {}
    middle = float(np.median(away[known]))
    spread = 1.4826 * float(np.median(np.abs(away[known] - middle)))
    limit = max(limits.shape, middle + DEVIATIONS * spread)
    return {
        int(i): f"landmarks {away[i]:.3f} of the face off this person's shape, usual is {middle:.3f}"
        for i in np.nonzero(known & (away > limit))[0]
    }


def shape_distance(figures: Figures) -> np.ndarray:
    """How far each face's rigid shape is from the set's median shape at that yaw, over the face's size; (N,)."""
    away = np.full(len(figures), np.nan)
    known = np.isfinite(figures.shape).all(axis=(1, 2))
    if not known.any():
        return away
    whole = np.median(figures.shape[known], axis=0)
    bins = np.round(figures.yaw / YAW_DEGREES)
    for number in np.unique(bins[known]):
        # A mesh of a turned head is a little off in its own way; a bin of its neighbours takes that out.
        inside = known & (bins == number)
        usual = np.median(figures.shape[inside], axis=0) if inside.sum() >= FEWEST else whole
        away[inside] = np.sqrt(((figures.shape[inside] - usual) ** 2).sum(axis=2).mean(axis=1))
    return away


def duplicates(figures: Figures, limits: Limits) -> Found:
    """Faces that show what a sharper one shows: near-equal hash, the head turned and eyes and mouth open alike."""
    found: Found = {}
    kept: list[int] = []
    hashes = np.empty(len(figures), np.uint64)
    openings = np.nan_to_num(np.stack([figures.eyes, figures.mouth], axis=1))
    angles = np.stack([figures.yaw, figures.pitch], axis=1)
    for i in np.argsort(-figures.sharpness, kind="stable"):
        before = np.array(kept, np.int64)
        near = hash_distance(figures.hash[i], hashes[: len(kept)]) <= limits.bits
        near &= (np.abs(openings[before] - openings[i]) <= limits.opening).all(axis=1)
        near &= (np.abs(angles[before] - angles[i]) <= limits.turn).all(axis=1)
        if near.any():
            other = before[near][np.abs(before[near] - i).argmin()]
            found[int(i)] = f"shows what {figures.file[other]} shows, which is sharper"
        else:
            hashes[len(kept)] = figures.hash[i]
            kept.append(int(i))
    return found


def others_by_embedding(figures: Figures, embeddings: np.ndarray, limits: Limits) -> Found:
    """Faces of another person than most of the set's: far from the mean embedding of the largest group.

    Args:
        embeddings: float32 (N, D), each of length 1.
    """
    # Of up to 64 faces spread over the set the one that most faces are like; then the mean of those, twice.
    seeds = np.unique(np.linspace(0, len(embeddings) - 1, min(64, len(embeddings))).astype(int))
    like = (embeddings @ embeddings[seeds].T >= limits.identity).sum(axis=0)
    centre = embeddings[seeds[int(like.argmax())]]
    for _ in range(2):
        own = embeddings[embeddings @ centre >= limits.identity]
        centre = own.mean(axis=0) / max(float(np.linalg.norm(own.mean(axis=0))), 1e-9)
    alike = embeddings @ centre
    return {int(i): f"likeness to the set's person {alike[i]:.2f} of 1" for i in np.nonzero(alike < limits.identity)[0]}


def others_by_shape(figures: Figures, likeness: Mapping[int, float]) -> Found:
    """Whole tracks whose landmarks are shaped unlike the largest track's: weaker than an embedding, and coarse.

    Args:
        likeness: of each track to the largest one, as ``datasets.faces.likeness.Likeness`` counts it by shape.
    """
    found: Found = {}
    for track, alike in likeness.items():
        if alike < TRACK_LIKENESS:
            said = f"the landmarks of track {track} are shaped unlike the largest track's ({alike:.2f} of 1)"
            found |= {int(i): said for i in np.nonzero(figures.track == track)[0]}
    return found


REASONS: dict[str, Callable[[Figures, Limits], Found]] = {
    "odd-shape": odd_shape,
    "tiny": tiny,
    "blurred": blurred,
    "low-score": low_score,
    "cut-off": cut_off,
    "duplicate": duplicates,
}
# This one needs more than the figures; ``datasets.curate.clean`` sees to it.
WRONG_PERSON = "wrong-person"
NAMES = (*REASONS, WRONG_PERSON)


def chosen(names: str | None, destination: bool) -> tuple[str, ...]:
    """The reasons that a comma-separated list names, ``all``, or those that run by themselves.

    A destination's duplicates stay unless they are asked for: without its face a frame is not swapped.

    Raises:
        InputError: an unknown reason.
    """
    if names is None:
        return tuple(name for name in NAMES if not (destination and name == "duplicate"))
    if names.strip() == "all":
        return NAMES
    given = tuple(name.strip() for name in names.split(",") if name.strip())
    for name in given:
        if name not in NAMES:
            raise InputError(f"There is no reason {name!r} to clean; there are: {', '.join(NAMES)}.")
    if not given:
        raise InputError(f"Name at least one reason to clean: {', '.join(NAMES)}.")
    return given
