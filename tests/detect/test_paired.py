"""Training batches: nothing but the swap may tell a swap and its original apart."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets import degrade
from datasets.errors import InputError
from detect.recipes.paired import PairSample, check_pairs, data_hash, paired_batch, plain_batch, sharpness

SIZE = 48


def picture(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (SIZE // 4, SIZE // 4, 3)).astype(np.uint8)
    return cv2.resize(noise, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)


def pair(seed: int, same: bool = False) -> PairSample:
    real = picture(seed)
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[12:36, 12:36] = 1
    fake = real.copy() if same else np.where(mask[..., None] > 0, 255 - real, real).astype(np.uint8)
    return PairSample(fake, real, mask, seed / 10, "clip")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_equal_pictures_stay_equal_through_every_degradation(seed: int) -> None:
    """With the original in the swap's place both classes get the same tensors: the pipeline leaks nothing."""
    batch = paired_batch([pair(i, same=True) for i in range(5)], np.random.default_rng(seed))
    assert np.array_equal(batch.images[:5], batch.images[5:])


def test_a_batch_depends_on_its_seed_alone() -> None:
    pairs = [pair(i) for i in range(4)]
    first, again, other = (paired_batch(pairs, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.images, again.images) and np.array_equal(first.masks, again.masks)
    assert not np.array_equal(first.images, other.images)


def test_the_mask_moves_with_the_picture() -> None:
    one = pair(0)
    draw = degrade.draw(np.random.default_rng(5), SIZE)
    bright = np.where(one.mask[..., None] > 0, 255, 0).astype(np.uint8).repeat(3, axis=2)
    assert np.abs(degrade.move(bright, draw)[..., 0] / 255 - degrade.move(one.mask, draw)).max() < 0.02


def test_labels_masks_and_order() -> None:
    batch = plain_batch([pair(i) for i in range(3)])
    assert batch.labels.tolist() == [1, 1, 1, 0, 0, 0]
    assert batch.masks[:3].max() == 1 and batch.masks[3:].max() == 0
    assert np.array_equal(batch.images[3], pair(0).real)


@pytest.mark.parametrize("crf", [18, 35])
def test_h264_gives_back_as_many_crops_in_order(crf: int) -> None:
    images = [picture(i) for i in range(7)]
    back = degrade.h264_round_trip(images, crf)
    distance = [[np.abs(a.astype(float) - b).mean() for b in images] for a in back]
    assert len(back) == 7 and [int(np.argmin(row)) for row in distance] == list(range(7))


def test_worse_quality_is_further_away() -> None:
    image = picture(1)
    for kind, good, bad in (("h264", 18, 35), ("jpeg", 95, 40)):
        near, far = (degrade.encode([image], degrade.Codec(kind, q))[0].astype(float) for q in (good, bad))
        assert np.abs(near - image).mean() < np.abs(far - image).mean()


def test_pairs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="no pairs"):
        check_pairs([])
    odd = pair(0)
    with pytest.raises(InputError, match=r"pair at 0\.10 s"):
        check_pairs([odd, PairSample(odd.fake[:-1], odd.real, odd.mask, 0.1, "clip")])


def test_the_hash_sees_pixels_and_order() -> None:
    a, b = pair(0), pair(1)
    assert data_hash([a, b]) == data_hash([a, b]) != data_hash([b, a])


def test_blur_lowers_sharpness() -> None:
    assert sharpness(cv2.GaussianBlur(picture(0), (0, 0), 3)) < sharpness(picture(0))
