"""Colour transfers: they reach the reference's figures, leave an equal pair alone, and stay within bounds."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from synth.composite.colour import TRANSFERS, match_histogram, reinhard

SIZE = 96
ALL = TRANSFERS | {"histogram": match_histogram}
MATCHING = [name for name in ALL if name != "none"]
# What the small tints of these tests leave of the difference in mean, and (where it is matched) in covariance.
WHOLE = ("lct", "mkl", "idt", "sot")


def faces() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A portrait, the same in another light with another contrast and tint, and where it shows skin."""
    from skimage.data import astronaut

    face = cv2.resize(astronaut()[60:190, 165:285], (SIZE, SIZE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    tint = np.array([[0.85, 0.05, 0.0], [0.0, 0.8, 0.05], [0.05, 0.0, 0.75]], np.float32)
    other = np.clip(face @ tint.T + np.float32([0.06, 0.04, 0.09]), 0, 1)
    weights = np.zeros((SIZE, SIZE), np.float32)
    cv2.ellipse(weights, (SIZE // 2, SIZE // 2), (SIZE // 3, SIZE * 2 // 5), 0, 0, 360, 1.0, -1)
    return face, other, weights


def gap(one: np.ndarray, other: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Difference of the means, and of the covariances' roots, over the weights."""
    a, b = one[weights > 0], other[weights > 0]
    return float(np.abs(a.mean(0) - b.mean(0)).max()), float(np.abs(np.cov(a.T) - np.cov(b.T)).max())


@pytest.mark.parametrize("name", MATCHING)
def test_the_face_takes_the_references_mean_and_comes_nearer_in_spread(name: str) -> None:
    face, reference, weights = faces()
    made = ALL[name](face, reference, weights)
    before, after = gap(face, reference, weights), gap(made, reference, weights)
    assert after[0] < 0.012 and after[0] < 0.3 * before[0]
    assert after[1] < (0.35 if name in WHOLE else 1.0) * before[1]


@pytest.mark.parametrize("name", ALL)
def test_a_face_equal_to_its_reference_is_left_alone(name: str) -> None:
    face, _, weights = faces()
    assert np.abs(ALL[name](face, face, weights) - face).max() < 0.004


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("size", [64, 150])
def test_every_transfer_keeps_shape_and_range(name: str, size: int) -> None:
    random = np.random.default_rng(4)
    face, reference = (random.uniform(0, 1, (size, size, 3)).astype(np.float32) for _ in range(2))
    made = ALL[name](face, reference, np.ones((size, size), np.float32))
    assert made.shape == face.shape and made.dtype == np.float32 and made.min() >= 0 and made.max() <= 1


@pytest.mark.parametrize("name", ALL)
def test_without_skin_nothing_is_changed_and_the_inputs_never_are(name: str) -> None:
    face, reference, weights = faces()
    kept = face.copy(), reference.copy()
    assert np.array_equal(ALL[name](face, reference, np.zeros_like(weights)), face)
    ALL[name](face, reference, weights)
    assert np.array_equal(face, kept[0]) and np.array_equal(reference, kept[1])


@pytest.mark.parametrize("name", MATCHING)
def test_a_flat_reference_does_not_flatten_the_face(name: str) -> None:
    face, _, weights = faces()
    made = ALL[name](face, np.full_like(face, 0.5), weights)
    assert made[weights > 0].std() > 0.15 * face[weights > 0].std()


def test_reinhard_matches_deviations_in_lab() -> None:
    face, reference, weights = faces()
    made = [cv2.cvtColor(p, cv2.COLOR_RGB2LAB)[weights > 0] for p in (reinhard(face, reference, weights), reference)]
    assert np.abs(made[0].std(0) - made[1].std(0)).max() < 1.0  # of Lab's 100


@pytest.mark.parametrize("name", MATCHING)
def test_a_transfer_is_as_steady_as_the_reference(name: str) -> None:
    """A reference that changes by noise alone moves the face's mean by hardly anything."""
    face, reference, weights = faces()
    random = np.random.default_rng(8)
    means = []
    for _ in range(4):
        noisy = np.clip(reference + random.normal(0, 0.01, reference.shape), 0, 1).astype(np.float32)
        means.append(ALL[name](face, noisy, weights)[weights > 0].mean(0))
    assert np.ptp(means, axis=0).max() < 0.003
