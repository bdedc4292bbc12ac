"""The compositor: untouched pixels stay bit for bit, the mask is the alpha, colours match, edges are soft."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from datasets.errors import InputError
from datasets.provenance.badge import badge_box
from datasets.provenance.writer import marked
from synth.composite.blend import blend_mask, paste
from synth.composite.colour import TRANSFERS, reinhard
from synth.composite.compositor import CompositeSettings, composite

SIZE = 64


def ellipse(size: int = SIZE) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    cv2.ellipse(mask, (size // 2, size // 2), (size // 3, size * 2 // 5), 0, 0, 360, 255, -1, cv2.LINE_AA)
    return mask.astype(np.float32) / 255


def picture(height: int = 120, width: int = 161, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


# A face in the middle, one turned and enlarged, one that reaches out of the frame, and one that is not in it at all.
PLACES = {
    "inside": np.array([[0.8, 0.1, -30], [-0.1, 0.8, -10]]),
    "large": np.array([[0.45, 0.2, 0], [-0.2, 0.45, 20]]),
    "over the edge": np.array([[0.8, 0, 25], [0, 0.8, 30]]),
    "outside": np.array([[1.0, 0, -900], [0, 1.0, -900]]),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("settings", [CompositeSettings(), CompositeSettings("raw", "none", 0.0, 0.2)])
def test_where_the_mask_is_zero_the_frame_is_untouched_bit_for_bit(place: str, settings: CompositeSettings) -> None:
    frame = picture()
    kept = frame.copy()
    out, mask = composite(frame, picture(SIZE, SIZE, 1), ellipse(), ellipse(), PLACES[place], settings)
    assert np.array_equal(frame, kept), "the frame that was given was changed"
    assert out.shape == frame.shape and out.dtype == mask.dtype == np.uint8 and mask.shape == frame.shape[:2]
    assert np.array_equal(out[mask == 0], frame[mask == 0])
    assert mask.any() == (place != "outside")
    if mask.any():
        assert np.abs(out[mask > 200].astype(int) - frame[mask > 200]).mean() > 5


def test_the_mask_is_the_alpha_that_was_used() -> None:
    black, white = np.zeros((120, 161, 3), np.uint8), np.full((SIZE, SIZE, 3), 255, np.uint8)
    out, mask = composite(black, white, ellipse(), ellipse(), PLACES["inside"], CompositeSettings("raw"))
    assert np.abs(out[..., 0].astype(int) - mask).max() <= 1


def test_after_marking_only_the_badge_differs_outside_the_mask() -> None:
    frame = picture()
    out, mask = composite(frame, picture(SIZE, SIZE, 1), ellipse(), ellipse(), PLACES["inside"], CompositeSettings())
    shown = marked(out)
    x0, y0, x1, y1 = badge_box(161, 120)
    outside = mask == 0
    outside[y0:y1, x0:x1] = False
    assert np.array_equal(shown[outside], frame[outside])
    assert not np.array_equal(shown[y0:y1, x0:x1], out[y0:y1, x0:x1])


@pytest.mark.parametrize(("erode", "blur"), [(0.0, 0.02), (0.03, 0.09), (0.1, 0.3)])
def test_the_blend_mask_is_soft_lies_in_the_hull_and_ends_before_the_rim(erode: float, blur: float) -> None:
    hull, learned = ellipse(), np.ones((SIZE, SIZE), np.float32)
    mask = blend_mask(learned, hull, erode, blur)
    assert mask.dtype == np.float32 and mask.min() >= 0 and mask.max() <= 1
    assert (mask[hull < 0.5] == 0).all()
    full = blend_mask(learned, learned, erode, blur)
    for rim in (full[0], full[-1], full[:, 0], full[:, -1]):
        assert (rim == 0).all()
    assert full[SIZE // 2, SIZE // 2] > 0.9


def test_more_erosion_means_less_mask_and_a_wider_blur_a_softer_edge() -> None:
    hull = ellipse()
    areas = [blend_mask(hull, hull, erode, 0.05).sum() for erode in (0.0, 0.05, 0.1)]
    assert areas[0] > areas[1] > areas[2]
    steepest = [np.abs(np.diff(blend_mask(hull, hull, 0.0, blur), axis=1)).max() for blur in (0.03, 0.1, 0.3)]
    assert steepest[0] > steepest[1] > steepest[2]


def test_what_the_model_hides_is_not_pasted() -> None:
    learned = ellipse()
    learned[:, : SIZE // 2] = 0
    assert not blend_mask(learned, ellipse(), 0.0, 0.05)[:, : SIZE // 2].any()
    assert not blend_mask(np.zeros_like(learned), ellipse(), 0.0, 0.05).any()


def test_pasting_with_an_empty_mask_is_a_copy() -> None:
    frame = picture()
    out = paste(frame, frame.astype(np.float32), np.zeros(frame.shape[:2], np.float32))
    assert np.array_equal(out, frame) and out is not frame


def moments(image: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[weights > 0]
    return lab.mean(0), lab.std(0)


def test_reinhard_gives_the_face_the_mean_and_the_contrast_of_the_reference() -> None:
    random = np.random.default_rng(2)
    weights = (ellipse() > 0.5).astype(np.float32)
    face = (0.5 + 0.10 * random.standard_normal((SIZE, SIZE, 3))).clip(0.1, 0.9).astype(np.float32)
    reference = (np.array([0.6, 0.45, 0.4]) + 0.07 * random.standard_normal((SIZE, SIZE, 3))).astype(np.float32)
    made = reinhard(face, reference.clip(0.05, 0.95), weights)
    for got, wanted in zip(moments(made, weights), moments(reference.clip(0.05, 0.95), weights), strict=True):
        assert np.abs(got - wanted).max() < 1.0  # of Lab's 100
    assert made.dtype == np.float32 and made.min() >= 0 and made.max() <= 1


def test_a_flat_reference_does_not_flatten_the_face_and_no_skin_changes_nothing() -> None:
    face = np.random.default_rng(3).uniform(0.3, 0.6, (SIZE, SIZE, 3)).astype(np.float32)
    flat = np.full_like(face, 0.5)
    weights = np.ones((SIZE, SIZE), np.float32)
    assert moments(reinhard(face, flat, weights), weights)[1][0] > 0.5 * moments(face, weights)[1][0]
    assert np.array_equal(reinhard(face, flat, np.zeros_like(weights)), face)


@pytest.mark.parametrize("name", TRANSFERS)
def test_every_transfer_keeps_shape_and_range(name: str) -> None:
    face, reference = (picture(SIZE, SIZE, seed).astype(np.float32) / 255 for seed in (4, 5))
    made = TRANSFERS[name](face, reference, ellipse())
    assert made.shape == face.shape and made.dtype == np.float32 and made.min() >= 0 and made.max() <= 1


@pytest.mark.parametrize(
    "wrong", [{"mode": "best"}, {"colour": "pink"}, {"erode": -0.1}, {"erode": 0.5}, {"blur": 0.0}, {"blur": 0.7}]
)
def test_settings_that_make_no_sense_are_said(wrong: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError):
        CompositeSettings(**wrong)
