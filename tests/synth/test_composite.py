"""The compositor: untouched pixels stay bit for bit, the mask is the alpha, edges are soft, settings are checked."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
import pytest

from datasets.errors import InputError
from synth.composite.blend import blend_mask, paste
from synth.composite.colour import TRANSFERS
from synth.composite.compositor import MODES, CompositeSettings, Moment, composite, for_method

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
@pytest.mark.parametrize("settings", [*map(CompositeSettings, MODES), CompositeSettings("raw", "none", -0.05, 0.2)])
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


def test_outside_the_mask_a_frame_is_left_as_it_was() -> None:
    frame = picture()
    out, mask = composite(frame, picture(SIZE, SIZE, 1), ellipse(), ellipse(), PLACES["inside"], CompositeSettings())
    assert np.array_equal(out[mask == 0], frame[mask == 0]) and (mask == 0).any()


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


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("colour", TRANSFERS)
def test_a_face_that_is_the_destinations_own_changes_nothing(mode: str, colour: str) -> None:
    """The face is cut from the frame pixel for pixel, so every mode and colour has nothing to do."""
    from skimage.data import astronaut

    frame = np.ascontiguousarray(astronaut()[40:200, 150:310])
    place = np.array([[1.0, 0, -40], [0, 1.0, -30]])
    face = np.ascontiguousarray(frame[30 : 30 + SIZE, 40 : 40 + SIZE])
    out, mask = composite(frame, face, ellipse(), ellipse(), place, CompositeSettings(mode, colour, 0.0, 0.1))
    assert mask.max() > 200 and np.abs(out.astype(int) - frame).max() <= 2


def test_the_learned_mask_alone_without_erosion_and_blur_is_the_very_alpha() -> None:
    learned = np.random.default_rng(6).uniform(0, 1, (SIZE, SIZE)).astype(np.float32)
    assert np.array_equal(blend_mask(learned, np.zeros_like(learned), 0.0, 0.0, "learned"), learned)
    settings = CompositeSettings("raw", erode=0.0, blur=0.0, mask="learned")
    black, white = np.zeros((120, 161, 3), np.uint8), np.full((SIZE, SIZE, 3), 255, np.uint8)
    place = np.array([[1.0, 0, -20], [0, 1.0, -30]])
    out, mask = composite(black, white, learned, np.zeros_like(learned), place, settings)
    assert np.array_equal(mask[30 : 30 + SIZE, 20 : 20 + SIZE], np.rint(learned * 255).astype(np.uint8))
    assert np.array_equal(out[..., 0], mask)


def test_which_mask_is_meant() -> None:
    learned, hull = np.zeros((SIZE, SIZE), np.float32), np.zeros((SIZE, SIZE), np.float32)
    learned[20:60, 20:40], hull[20:60, 30:50] = 1, 1
    seen = {kind: blend_mask(learned, hull, 0.0, 0.05, kind) > 0.5 for kind in ("both", "learned", "hull")}
    assert np.array_equal(seen["both"], seen["both"] & seen["learned"] & seen["hull"])
    assert seen["learned"][40, 25] and not seen["learned"][40, 45] and seen["hull"][40, 45]


def test_a_grown_mask_reaches_beyond_the_outline_and_still_ends_before_the_rim() -> None:
    plain, grown = (blend_mask(ellipse(), ellipse(), erode, 0.04) for erode in (0.0, -0.08))
    assert grown.sum() > 1.1 * plain.sum() and (grown >= plain - 1e-6).all()
    full = blend_mask(np.ones_like(plain), np.ones_like(plain), -0.1, 0.1)
    assert not full[0].any() and not full[:, -1].any()


def test_what_is_in_front_of_the_face_stays_bit_for_bit() -> None:
    kept = np.zeros((SIZE, SIZE), np.float32)
    kept[:, :30] = 1
    frame, place = picture(), np.array([[1.0, 0, -20], [0, 1.0, -30]])
    out, mask = composite(frame, picture(SIZE, SIZE, 1), ellipse(), ellipse(), place, CompositeSettings(), kept)
    assert not mask[:, : 20 + 29].any() and mask[:, 20 + 32 :].max() > 200
    assert np.array_equal(out[:, : 20 + 29], frame[:, : 20 + 29])


def test_a_frame_always_comes_out_the_same_and_its_neighbour_with_other_grain() -> None:
    noise = np.random.default_rng(0).normal(128, 8, (120, 161, 1)).clip(0, 255).astype(np.uint8)
    frame, face = np.repeat(noise, 3, 2), np.full((SIZE, SIZE, 3), 128, np.uint8)
    args = (frame, face, ellipse(), ellipse(), PLACES["large"], CompositeSettings(colour="none"), None)
    first, again, other = (composite(*args, Moment(index))[0] for index in (4, 4, 5))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"mode": "best"}, "no composite mode 'best'; there are: overlay, histogram"),
        ({"colour": "pink"}, "no colour transfer 'pink'; there are: rct"),
        ({"colour": []}, "no colour transfer"),
        ({"mask": "all"}, "there are: both, learned, hull"),
        ({"occlusion": "hat"}, "there are: off, learned, segment, auto"),
        ({"erode": -0.2}, "erode must be a number from -0.1 to 0.3"),
        ({"erode": 0.5}, "erode"),
        ({"blur": -0.1}, "blur"),
        ({"blur": 0.7}, "blur"),
        ({"blur": "wide"}, "'wide' is not"),
        ({"grain": float("nan")}, "grain"),
        ({"sharpen": True}, "sharpen"),
    ],
)
def test_settings_that_make_no_sense_are_said(wrong: dict, said: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match=said):
        CompositeSettings(**wrong)


def test_the_older_name_of_a_colour_transfer_still_means_it() -> None:
    assert CompositeSettings("overlay", "reinhard") == CompositeSettings(colour="rct")
    assert CompositeSettings("overlay", "reinhard").to_table()["colour"] == "rct"


def test_a_methods_own_settings_stand_over_the_defaults_and_under_the_users() -> None:
    class Kind:
        composite: ClassVar = {"mode": "raw", "blur": 0.0}

    assert for_method(Kind) == CompositeSettings("raw", blur=0.0)
    assert for_method(Kind, {"mode": "seamless", "colour": None}) == CompositeSettings("seamless", blur=0.0)
    assert for_method("quick96") == CompositeSettings()
    with pytest.raises(InputError, match="no composite setting 'colors'; there are: mode, colour"):
        for_method(Kind, {"colors": 1})
