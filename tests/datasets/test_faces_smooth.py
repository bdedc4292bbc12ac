"""Smoothing: less jitter, no lag, nothing flattened, in a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from portraits import astronaut

from datasets.faces.align import align_affine, five_of_mesh, head_pose
from datasets.faces.finder import make_finder
from datasets.faces.meshfit import bounds
from datasets.faces.smooth import smoothed
from datasets.facetable import FaceRow

RATE = 25.0
NOISE = 0.5  # pixels, of a face of some 200


@pytest.fixture(scope="module")
def mesh() -> np.ndarray:
    finder = make_finder("mediapipe")
    found = finder.find(astronaut())[0].landmarks
    finder.close()
    assert found is not None
    return found * 2


def rows(
    mesh: np.ndarray,
    motion: Callable[[float], tuple[float, float]],
    count: int = 60,
    noise: float = NOISE,
    track: int = 0,
) -> list[FaceRow]:
    rng = np.random.default_rng(track)
    made = []
    for i in range(count):
        points = (mesh + [*motion(i / RATE), 0] + rng.normal(0, 1, mesh.shape) * noise).astype(np.float32)
        made.append(row(points, i, track))
    return made


def row(points: np.ndarray, i: int, track: int = 0) -> FaceRow:
    affine = align_affine(points, 128, "whole")
    box = bounds(points[:468])
    five = five_of_mesh(points)
    return FaceRow(i, i / RATE, track, 0, 1.0, box, five, points, affine, f"{i}.jpg", 0.0, 0.0, 0.0, 0.0, 0.3, 0.1)


def landmarks(faces: list[FaceRow]) -> np.ndarray:
    return np.stack([face.landmarks for face in faces])[..., :2].astype(np.float64)  # type: ignore[misc]


def jitter(faces: list[FaceRow], true: list[FaceRow]) -> float:
    return float(np.diff(landmarks(faces) - landmarks(true), 2, axis=0).std())


def still(t: float) -> tuple[float, float]:
    return 0.0, 0.0


def ramp(t: float) -> tuple[float, float]:
    return 150.0 * t, -40.0 * t


def nod(t: float) -> tuple[float, float]:
    return 25.0 * np.sin(2 * np.pi * 0.8 * t), 12.0 * np.sin(2 * np.pi * 1.1 * t)


def step(t: float) -> tuple[float, float]:
    return (0.0, 0.0) if t < 1.2 else (60.0, 20.0)


@pytest.mark.parametrize("motion", [still, ramp, nod])
def test_jitter_is_at_least_halved(mesh: np.ndarray, motion: Callable) -> None:
    noisy, true = rows(mesh, motion), rows(mesh, motion, noise=0.0)
    assert jitter(list(smoothed(noisy)), true) < jitter(noisy, true) / 2


@pytest.mark.parametrize(("motion", "bound"), [(still, 1e-3), (ramp, 0.05), (nod, 1.5), (step, 0.1)])
def test_a_clean_motion_is_neither_lagged_nor_flattened(mesh: np.ndarray, motion: Callable, bound: float) -> None:
    true = rows(mesh, motion, noise=0.0)
    assert np.abs(landmarks(list(smoothed(true))) - landmarks(true)).max() < bound


def test_a_step_stays_where_it_was_under_noise(mesh: np.ndarray) -> None:
    noisy, true = rows(mesh, step), rows(mesh, step, noise=0.0)
    off = landmarks(list(smoothed(noisy))) - landmarks(true)
    assert np.abs(off.mean(axis=1)).max() < 0.3


def test_a_blink_is_kept(mesh: np.ndarray) -> None:
    lids = [159, 158, 160, 161, 157]
    true = rows(mesh, still, noise=0.0)
    closed = true[30].landmarks.copy()  # type: ignore[union-attr]
    closed[lids, 1] += 8
    noisy = rows(mesh, still)
    for i in (30, 31, 32):
        moved = noisy[i].landmarks.copy()  # type: ignore[union-attr]
        moved[lids, 1] += 8
        noisy[i] = row(moved, i)
    shut = list(smoothed(noisy))[31].landmarks[lids, 1].mean() - true[31].landmarks[lids, 1].mean()  # type: ignore[index]
    assert shut > 7.5


def test_lips_that_touch_for_a_moment_still_touch(mesh: np.ndarray) -> None:
    upper, lower = [13, 82, 312, 81, 311], [14, 87, 317, 178, 402]
    noisy = rows(mesh, still)

    def gap(face: FaceRow) -> float:
        points = face.landmarks
        assert points is not None
        return float((points[lower, 1] - points[upper, 1]).mean())

    for i, face in enumerate(noisy):
        assert face.landmarks is not None
        moved = face.landmarks.copy()
        moved[lower, 1] += (0 if i in (30, 31) else 12) - gap(face)
        noisy[i] = row(moved, i)
    out = list(smoothed(noisy))
    assert gap(out[30]) < 2 and gap(out[31]) < 2 and gap(out[20]) > 10


def test_time_reversed_input_gives_time_reversed_output(mesh: np.ndarray) -> None:
    noisy = rows(mesh, nod, count=40)
    last = noisy[-1].frame
    backward = [replace(r, frame=last - r.frame, time=(last - r.frame) / RATE) for r in reversed(noisy)]
    there, back = landmarks(list(smoothed(noisy))), landmarks(list(smoothed(backward)))[::-1]
    np.testing.assert_allclose(there, back, atol=1e-3)


def test_tracks_do_not_mix_and_order_is_kept(mesh: np.ndarray) -> None:
    one, other = rows(mesh, ramp), rows(mesh, nod, track=1)
    mixed = [r for pair in zip(one, other, strict=True) for r in pair]
    out = list(smoothed(mixed))
    assert [(r.frame, r.track) for r in out] == [(r.frame, r.track) for r in mixed]
    np.testing.assert_array_equal(landmarks(out[::2]), landmarks(list(smoothed(one))))


def test_nothing_is_joined_over_a_gap(mesh: np.ndarray) -> None:
    noisy = [r for r in rows(mesh, still) if not 28 <= r.frame <= 30]
    far = [replace(r, landmarks=r.landmarks + 1.0) if r.frame > 30 else r for r in noisy]  # type: ignore[operator]
    before = landmarks(list(smoothed(noisy)))[:28]
    np.testing.assert_array_equal(landmarks(list(smoothed(far)))[:28], before)


def test_it_streams(mesh: np.ndarray) -> None:
    taken = 0

    def source() -> Iterator[FaceRow]:
        nonlocal taken
        for r in rows(mesh, still, count=60):
            taken += 1
            yield r

    for given, _ in enumerate(smoothed(source()), 1):
        assert taken - given <= 7 or taken == 60


def test_the_affine_follows_the_smoothed_landmarks(mesh: np.ndarray) -> None:
    for r in smoothed(rows(mesh, nod)):
        assert r.landmarks is not None
        np.testing.assert_allclose(r.affine, align_affine(r.landmarks, 128, "whole"), atol=2e-2)
        np.testing.assert_allclose(r.five_points, five_of_mesh(r.landmarks))
        assert r.yaw == pytest.approx(head_pose(r.landmarks).angles[0], abs=1e-3)


def test_faces_without_a_mesh_are_smoothed_by_their_five_points(mesh: np.ndarray) -> None:
    noisy = [replace(r, landmarks=None) for r in rows(mesh, ramp, noise=0)]
    rng = np.random.default_rng(0)
    shaken = [replace(r, five_points=r.five_points + rng.normal(0, 0.5, (5, 2)).astype(np.float32)) for r in noisy]

    def roughness(faces: list[FaceRow]) -> float:
        return float(np.diff([r.five_points for r in faces], 2, axis=0).std())

    assert roughness(list(smoothed(shaken))) < roughness(shaken) / 2


def test_sigma_zero_changes_nothing(mesh: np.ndarray) -> None:
    noisy = rows(mesh, ramp)
    assert list(smoothed(noisy, 0.0)) == noisy
