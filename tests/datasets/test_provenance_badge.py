"""The badge is readable everywhere, changes nothing outside its box, and is found again after compression."""

from __future__ import annotations

import io

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from datasets.provenance.badge import THRESHOLD, badge, badge_box, find_badge, has_badge, locate_badge

SIZES = [(64, 48), (48, 64), (333, 227), (512, 512), (1280, 720), (31, 31)]


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def backgrounds(width: int, height: int) -> dict[str, np.ndarray]:
    plain = np.zeros((height, width, 3), np.uint8)
    photograph = cv2.resize(data.astronaut(), (width, height), interpolation=cv2.INTER_AREA)
    return {
        "black": plain,
        "white": plain + 255,
        "grey": plain + 128,
        "noise": noise(width, height),
        "photo": photograph,
    }


def compressed(image: np.ndarray, crf: int) -> np.ndarray:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": str(crf), "preset": "veryfast"})
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "yuv420p"
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200), st.integers(1, 200))
def test_outside_its_box_no_pixel_changes(width: int, height: int) -> None:
    image = noise(width, height)
    before, out = image.copy(), badge(image)
    x0, y0, x1, y1 = badge_box(width, height)
    assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
    assert np.array_equal(image, before)
    changed = (out != image).any(2)
    changed[y0:y1, x0:x1] = False
    assert not changed.any() and out.dtype == np.uint8


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_stands_top_right_at_a_legible_size(width: int, height: int) -> None:
    x0, y0, x1, y1 = badge_box(width, height)
    assert y1 - y0 >= max(15, round(0.085 * min(width, height)))
    assert (x0 + x1) / 2 > width / 2 and (y0 + y1) / 2 < height / 2


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_letters_stand_out_on_any_background(width: int, height: int) -> None:
    for name, image in backgrounds(width, height).items():
        x0, y0, x1, y1 = badge_box(width, height)
        linear = (badge(image)[y0:y1, x0:x1].astype(float) / 255) ** 2.2
        light = linear @ (0.2126, 0.7152, 0.0722)
        inside = light[2:-2, 3:-3]
        letters, paper = np.quantile(inside, 0.98), np.median(inside)
        # Contrast ratio of WCAG 2; 4.5 is asked of text.
        assert (letters + 0.05) / (paper + 0.05) > 4.5, name


def test_the_same_picture_gives_the_same_bytes() -> None:
    image = noise(320, 240)
    assert np.array_equal(badge(image), badge(image.copy()))


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_is_found_where_it_is_and_only_there(width: int, height: int) -> None:
    for name, image in backgrounds(width, height).items():
        assert not has_badge(image), name
        assert locate_badge(image) is None, name
        assert locate_badge(badge(image)) == badge_box(width, height), name


@pytest.mark.parametrize("crf", [23, 35, 40])
def test_it_is_found_after_h264(crf: int) -> None:
    for width, height in ((64, 48), (320, 240), (1280, 720)):
        for name in ("photo", "white", "noise"):
            assert has_badge(compressed(badge(backgrounds(width, height)[name]), crf)), (width, name)


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.5])
def test_it_is_found_after_a_change_of_size(scale: float) -> None:
    image = badge(backgrounds(640, 480)["photo"])
    assert has_badge(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def test_plain_pictures_raise_no_false_alarm() -> None:
    shown = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    rng, worst = np.random.default_rng(5), 0.0
    for _ in range(150):
        image = shown[rng.integers(len(shown))]
        side = int(rng.integers(60, min(image.shape[:2])))
        y, x = (int(rng.integers(0, n - side + 1)) for n in image.shape[:2])
        worst = max(worst, find_badge(np.ascontiguousarray(image[y : y + side, x : x + side])))
    assert worst < THRESHOLD - 0.05
    text = data.page()
    assert not has_badge(np.repeat(text[..., None], 3, axis=2))
    assert not has_badge(255 - np.repeat(text[..., None], 3, axis=2))


def test_another_pair_of_letters_is_not_the_badge() -> None:
    image = np.zeros((480, 640, 3), np.uint8) + 90
    x0, y0, x1, y1 = badge_box(640, 480)
    cv2.rectangle(image, (x0, y0), (x1, y1), (20, 20, 25), -1)
    cv2.putText(image, "HD", (x0 + 6, y1 - 10), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (255, 255, 255), 4, cv2.LINE_AA)
    assert not has_badge(image)
