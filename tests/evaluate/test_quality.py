"""Pose, landmarks, flicker and identity of a swap: nothing where nothing changed, and what was changed where it was."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from footage import Looped

from datasets.faces.finder import make_finder
from datasets.faceset import FaceSet
from datasets.video import frames_at
from evaluate.likeness import swap_quality
from evaluate.quality import (
    consecutive,
    fidelity,
    flicker,
    landmark_error,
    nearer_to,
    pose_error,
    steady_view,
    still_points,
)
from synth.composite.compositor import CompositeSettings


@pytest.fixture(scope="module")
def frames(looped: Looped) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(image, landmarks, box) of some frames in a row."""
    faces = FaceSet(looped.workspace.faces("destination"))
    rows = list(faces.rows())[:6]
    images = frames_at(looped.workspace.clip("destination"), [row.frame for row in rows])
    return [(frame.image, row.landmarks, row.box) for frame, row in zip(images, rows, strict=True)]  # type: ignore[misc]


def turned(landmarks: np.ndarray, degrees: float) -> np.ndarray:
    a = np.radians(degrees)
    middle = landmarks.mean(0)
    rotation = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    return (landmarks - middle) @ rotation.T + middle


def test_the_same_mesh_has_no_error_and_a_turned_one_has_its_angle(frames: list) -> None:  # type: ignore[type-arg]
    mesh = frames[0][1]
    assert pose_error(mesh, mesh) < 1e-3 and landmark_error(mesh, mesh) == 0
    assert pose_error(turned(mesh, 7), mesh) == pytest.approx(7, abs=0.05)


def test_landmark_error_is_over_the_distance_of_the_pupils(frames: list) -> None:  # type: ignore[type-arg]
    mesh = frames[0][1]
    apart = np.linalg.norm(mesh[468, :2] - mesh[473, :2])
    moved = mesh + np.array([0.1 * apart, 0, 0])
    assert landmark_error(moved, mesh) == pytest.approx(0.1, rel=1e-4)
    assert landmark_error(3 * moved, 3 * mesh) == pytest.approx(0.1, rel=1e-4)


def test_flicker_is_none_for_a_steady_change_and_its_own_size_for_a_flash(frames: list) -> None:  # type: ignore[type-arg]
    image, mesh, _ = frames[0]
    still = still_points(mesh)
    view = steady_view(image, mesh, still)
    assert flicker([view, view + 3, view + 6, view + 9], still) < 1e-3
    assert flicker([view, view + 5, view], still) == pytest.approx(10, abs=1e-3)
    assert flicker([view, view], still) == 0


def test_an_untouched_clip_is_true_to_itself(frames: list) -> None:  # type: ignore[type-arg]
    found = fidelity(
        ((i, image, image, box) for i, (image, _, box) in enumerate(frames)),
        (make_finder("mediapipe"), make_finder("mediapipe")),
    )
    assert (found.frames, found.pose, found.landmarks) == (6, pytest.approx(0, abs=1e-3), 0)
    assert found.flicker == found.flicker_original > 0 and found.flicker_ratio == 1


def test_nothing_is_compared_over_a_gap(frames: list) -> None:  # type: ignore[type-arg]
    numbers = (0, 1, 40, 41, 90, 91)
    found = fidelity(
        ((i, image, image, box) for i, (image, _, box) in zip(numbers, frames, strict=True)),
        (make_finder("mediapipe"), make_finder("mediapipe")),
    )
    assert found.frames == 6 and found.flicker == found.flicker_original == 0


def test_a_pair_without_faces_is_an_error() -> None:
    blank = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(ValueError, match="no face"):
        fidelity([(0, blank, blank, np.zeros(4))], (make_finder("mediapipe"), make_finder("mediapipe")))


def test_who_is_nearer() -> None:
    first, second = np.eye(4, dtype=np.float32)[:2], np.eye(4, dtype=np.float32)[2:]
    mixed = np.array([[1, 1, 0.2, 0], [0, 0.1, 1, 1], [1, 0, 0, 0], [0.5, 0.5, 0, 0]], np.float32)
    assert nearer_to(mixed, first, second) == 0.75


def test_stretches_are_ascending_and_within_the_clip() -> None:
    assert list(consecutive(10, 40)) == list(range(10))
    chosen = list(consecutive(400, 40))
    assert len(chosen) == 40 and chosen == sorted(set(chosen)) and chosen[0] == 0 and chosen[-1] == 399
    assert sum(b - a == 1 for a, b in pairwise(chosen)) == 36


@pytest.mark.slow
def test_a_trained_swap_is_measured_from_its_workspace(looped: Looped) -> None:
    found = swap_quality(looped.workspace, "quick96", CompositeSettings(), frames=12, device="cpu")
    assert 0 < found.fidelity.frames <= 12 and found.nearer is None
    assert 0 < found.fidelity.pose < 15 and 0 < found.fidelity.landmarks < 0.3
    assert found.sheet.dtype == np.uint8 and found.sheet.shape[1] == 6 * 256
