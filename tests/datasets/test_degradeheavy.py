"""Heavy degradations: one draw for both classes, nothing else drawn, and each does what its name says."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.degrade import h264_round_trip
from datasets.degradeheavy import (
    KERNELS,
    PRESETS,
    Chain,
    HeavyDraw,
    draw_chain,
    draw_heavy,
    filmed,
    motion_kernel,
    through,
)


def picture(seed: int, size: int = 64) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (size // 4, size // 4, 3)).astype(np.uint8)
    return cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_equal_pictures_stay_equal(seed: int) -> None:
    rng = np.random.default_rng(seed)
    draws, chain = [draw_heavy(rng) for _ in range(3)], draw_chain(rng)
    one, other = (through([filmed(picture(i), d) for i, d in enumerate(draws)], chain) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert all(a.shape == (64, 64, 3) and a.dtype == np.uint8 for a in one)


def test_a_draw_depends_on_its_seed_alone() -> None:
    one, again, other = (
        (draw_heavy(rng), draw_chain(rng)) for rng in (np.random.default_rng(seed) for seed in (1, 1, 2))
    )
    assert one == again != other


def test_without_h264_none_is_drawn() -> None:
    assert all(draw_chain(np.random.default_rng(seed), h264=False).crf is None for seed in range(50))
    drawn = [draw_chain(np.random.default_rng(seed)) for seed in range(300)]
    assert {d.preset for d in drawn} == {"ultrafast", "veryfast", "medium"} and {d.up for d in drawn} < set(KERNELS)
    assert any(d.first and d.last for d in drawn) and any(d.crf is not None and d.crf >= 35 for d in drawn)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_same_crops_give_the_same_bits_every_time(preset: str) -> None:
    images = [cv2.GaussianBlur(picture(i, 136), (0, 0), 1 + i / 2) for i in range(3)]
    first = h264_round_trip(images, 27, preset)
    for _ in range(15):
        held = [np.random.default_rng(i).integers(0, 255, 50_000 + 999 * i) for i in range(8)]  # other memory each time
        assert all(np.array_equal(a, b) for a, b in zip(first, h264_round_trip(images, 27, preset), strict=True)), held


def test_nothing_drawn_changes_nothing() -> None:
    image = picture(0)
    assert np.array_equal(through([filmed(image, HeavyDraw())], Chain())[0], image)


@pytest.mark.parametrize(
    ("mild", "bad"),
    [
        (Chain(crf=18), Chain(crf=36)),
        (Chain(last=95), Chain(last=35)),
        (Chain(scale=0.9), Chain(scale=0.5)),
        (Chain(first=60), Chain(first=60, last=40)),
    ],
)
def test_worse_is_further_away(mild: Chain, bad: Chain) -> None:
    images = [picture(i) for i in range(4)]
    near, far = (np.abs(np.stack(through(images, c)).astype(float) - np.stack(images)).mean() for c in (mild, bad))
    assert 0 < near < far


def test_motion_blurs_along_its_direction_alone() -> None:
    kernel = motion_kernel(5, 0)
    assert kernel.sum() == pytest.approx(1) and kernel[len(kernel) // 2].sum() == pytest.approx(1)
    across = np.zeros((32, 32, 3), np.uint8)
    across[:, 16:] = 200  # an upright edge
    assert np.array_equal(filmed(across, replace(HeavyDraw(), motion=(5.0, 90.0))), across)
    assert not np.array_equal(filmed(across, replace(HeavyDraw(), motion=(5.0, 0.0))), across)
