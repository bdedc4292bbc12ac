"""Augmentation: the input is warped and the target is not, everything else moves alike, and the seed decides all."""

from __future__ import annotations

import numpy as np
import pytest

from synth.warp import jitter_colour, random_pose, training_sample, truncated_normal, warp_field

SIZE = 96


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def planes() -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
    picture = np.stack([x * 2, y * 2, (x + y)], 2).astype(np.uint8)
    return picture, ((x - 48) ** 2 + (y - 40) ** 2 < 900).astype(np.uint8) * 255


def test_without_warp_and_pose_a_sample_is_the_face_itself(planes: tuple[np.ndarray, np.ndarray]) -> None:
    warped, targets = training_sample(rng(), planes, 0.0, 0.0)
    assert np.array_equal(warped, planes[0])
    assert all(np.array_equal(target, plane) for target, plane in zip(targets, planes, strict=True))


def test_without_warp_the_input_is_the_target_whatever_the_pose(planes: tuple[np.ndarray, np.ndarray]) -> None:
    warped, targets = training_sample(rng(1), planes, 0.0, 1.0)
    assert np.array_equal(warped, targets[0]) and not np.array_equal(warped, planes[0])


def test_the_warp_moves_the_input_alone(planes: tuple[np.ndarray, np.ndarray]) -> None:
    straight = training_sample(rng(2), planes, 0.0, 1.0)[1]
    warped, targets = training_sample(rng(2), planes, 1.0, 1.0)
    assert all(np.array_equal(a, b) for a, b in zip(straight, targets, strict=True))
    assert np.abs(warped.astype(int) - targets[0]).mean() > 0.5


def test_all_planes_are_posed_alike(planes: tuple[np.ndarray, np.ndarray]) -> None:
    _, targets = training_sample(rng(3), (planes[1], planes[1]), 1.0, 1.0)
    assert np.array_equal(*targets)


def test_the_same_seed_gives_the_same_sample(planes: tuple[np.ndarray, np.ndarray]) -> None:
    first, again, other = (training_sample(rng(seed), planes, 1.0, 1.0)[0] for seed in (4, 4, 5))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("seed", range(6))
def test_a_warp_is_smooth_bounded_and_leaves_the_rim(seed: int) -> None:
    field = warp_field(rng(seed), SIZE)
    assert field.shape == (2, SIZE, SIZE) and field.dtype == np.float32
    assert np.abs(field).max() <= 0.24 * SIZE / 2
    assert max(np.abs(field[:, 0]).max(), np.abs(field[:, -1]).max(), np.abs(field[:, :, 0]).max()) < 0.75
    # Neighbouring pixels keep their order: the picture is bent and never folded.
    assert (1 + np.diff(field[0], axis=1)).min() > 0 and (1 + np.diff(field[1], axis=0)).min() > 0
    assert not warp_field(rng(seed), SIZE, 0.0).any()


def test_draws_stay_within_the_truncation() -> None:
    draws = truncated_normal(rng(), (20_000,))
    assert np.abs(draws).max() <= 1 and abs(draws.mean()) < 0.01 and 0.35 < draws.std() < 0.41


def test_a_pose_turns_about_the_middle_by_what_was_asked() -> None:
    for seed in range(20):
        affine = random_pose(rng(seed), SIZE, 10, 0.05, (0.92, 1.1))
        scale, turn = np.hypot(affine[0, 0], affine[1, 0]), np.degrees(np.arctan2(affine[0, 1], affine[0, 0]))
        assert 0.92 <= scale <= 1.1 and abs(turn) <= 10
        centre = affine @ [SIZE / 2 - 0.5, SIZE / 2 - 0.5, 1] - (SIZE / 2 - 0.5)
        assert np.abs(centre).max() <= 0.05 * SIZE + 1e-3


def test_colour_changes_are_small_and_can_be_none() -> None:
    gain, offset = jitter_colour(rng(), 500)
    assert gain.shape == offset.shape == (500, 3)
    assert np.abs(gain - 1).max() <= 0.18 and np.abs(offset).max() <= 0.09
    gain, offset = jitter_colour(rng(), 4, 0.0)
    assert (gain == 1).all() and (offset == 0).all()
