"""Each cue of a frame answers to what it is there for, and to nothing that it should not see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from datasets.faces.finder import Face
from detect.cues.frame import FRAME_CUES, frame_cue, measure_frame
from detect.cues.frames.compression import phases
from detect.cues.measured import Measured, middle
from detect.cues.patch import Patch, cut_patch

Tampered = Callable[[Callable[[np.ndarray], np.ndarray]], Patch]
# The grid of coding blocks lies where the frame puts it: mirrored or shifted pictures have it elsewhere.
GRID_CUES = tuple(name for name in FRAME_CUES if name.startswith("grid"))
# Columns that cards of detectors may name: never renamed, never moved. New cues come after them.
FIRST, LAST = "contour_over_skin_0", "teeth_slope_over_outer_0"


def values(patch: Patch) -> dict[str, float]:
    return dict(zip(FRAME_CUES, measure_frame(patch).tolist(), strict=True))


def softened(image: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), 1.5)


def noisy(image: np.ndarray) -> np.ndarray:
    return np.clip(image + np.random.default_rng(0).normal(0, 6, image.shape), 0, 255)


def redder(image: np.ndarray) -> np.ndarray:
    return np.clip(image + np.array([25.0, 0, 0]), 0, 255)


def flatter(image: np.ndarray) -> np.ndarray:
    return 128 + 0.5 * (image.astype(np.float32) - 128)


def posterised(image: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), 6) // 12 * 12


def enlarged(image: np.ndarray) -> np.ndarray:
    small = cv2.resize(image, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def jpeg(image: np.ndarray, quality: int = 40) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def jpeg_elsewhere(image: np.ndarray) -> np.ndarray:
    """Coded with its blocks three and five pixels off the frame's."""
    padded = cv2.copyMakeBorder(image, 5, 0, 3, 0, cv2.BORDER_REFLECT)
    return jpeg(padded, 30)[5:, 3:]


def test_the_order_of_the_columns_stays(patch: Patch) -> None:
    assert len(set(FRAME_CUES)) == len(FRAME_CUES) >= 107
    assert (FRAME_CUES[0], FRAME_CUES[68], FRAME_CUES[106]) == (FIRST, "chroma_over_luma_skin_over_outer_cb", LAST)
    some = FRAME_CUES[5::9]
    got = measure_frame(patch, some)
    assert got.dtype == np.float32 and np.array_equal(got, measure_frame(patch)[5::9], equal_nan=True)
    with pytest.raises(KeyError):
        measure_frame(patch, ("no such cue",))


@pytest.mark.parametrize(
    ("change", "falls", "rises"),
    [
        (
            softened,
            "features_over_outer_0 skin_over_outer_0 slope_features_over_outer_0 slope_skin_over_outer_0 "
            "slope_features_0 crispness_features_over_outer "
            "noise_skin_over_outer typical_skin_over_outer_0 spectrum_slope_face "
            "spectrum_slope_face_over_around eyes_over_outer_0 eye_glint jaw_in_over_jaw_out_0",
            "outer_edge_over_inner_edge_0",
        ),
        (enlarged, "features_over_outer_0 slope_features_over_outer_0 slope_skin_over_outer_0 eyes_over_outer_1", ""),
        (
            noisy,
            "contour_over_skin_0",
            "noise_skin noise_skin_over_outer noise_skin_over_neck noise_skin_over_outer_cr noise_skin_over_outer_cb "
            "skin_over_outer_0 slope_skin_over_outer_0 spectrum_slope_face spectrum_slope_face_over_around "
            "fine_chroma_skin_over_outer_cr",
        ),
        (
            redder,
            "",
            "jaw_step_cr jaw_step_luma lab_step_skin_over_neck_a lab_step_skin_over_outer_a lab_step_skin_over_neck_l",
        ),
        (
            flatter,
            "spread_skin_over_outer_luma lab_spread_skin_over_neck_l lab_spread_skin_over_neck_b features_over_outer_2 "
            "eye_glint",
            "",
        ),
        (posterised, "skin_over_outer_1", "blank_skin blank_skin_over_outer"),
        (jpeg_elsewhere, "", "grid_shifted_face grid_shifted_face_over_outer"),
        (lambda image: jpeg(image, 25), "", "grid8_face grid8_face_over_outer"),
    ],
    ids=["softened", "enlarged", "noisy", "redder", "flatter", "posterised", "coded elsewhere", "coded on the grid"],
)
def test_a_cue_answers_to_what_it_is_for(
    change: Callable[[np.ndarray], np.ndarray], falls: str, rises: str, patch: Patch, tampered: Tampered
) -> None:
    before, after = values(patch), values(tampered(change))
    for name in falls.split():
        assert after[name] < before[name] - 0.01, (name, before[name], after[name])
    for name in rises.split():
        assert after[name] > before[name] + 0.01, (name, before[name], after[name])


def test_the_surroundings_are_left_alone(patch: Patch, tampered: Tampered) -> None:
    before, after = values(patch), values(tampered(softened))
    for name in ("slope_outer_0", "crispness_outer", "noise_outer", "blank_outer", "grid8_outer"):
        assert after[name] == pytest.approx(before[name], abs=0.05), name


def test_the_phase_of_the_grid_is_found(patch: Patch, tampered: Tampered) -> None:
    coded = replace(patch, image=jpeg(patch.image, 20))
    assert phases(Measured(coded), "outer").argmax() == 0
    # Blocks three columns and five rows off stand out at both, on the average of the two directions.
    elsewhere = phases(Measured(tampered(jpeg_elsewhere)), "inner")
    assert set(np.argsort(elsewhere)[-2:]) == {3, 5}


def test_the_noise_is_that_which_was_added(patch: Patch) -> None:
    for sigma in (3.0, 8.0):
        noise = np.random.default_rng(1).normal(0, sigma, patch.image.shape[:2])
        flat = np.repeat(np.clip(128 + noise, 0, 255).round().astype(np.uint8)[..., None], 3, axis=2)
        measured = values(replace(patch, image=flat))
        assert np.exp(measured["noise_skin"]) == pytest.approx(sigma, rel=0.1)
        assert measured["noise_skin_over_outer"] == pytest.approx(0, abs=0.05)


def test_uneven_reflections_are_told(patch: Patch) -> None:
    both, one = patch.image.copy(), patch.image.copy()
    for iris in (468, 473):
        x, y = (round(float(v)) for v in patch.landmarks[iris])
        both[y - 1 : y + 2, x - 1 : x + 2] = 255
        if iris == 468:
            one[y - 1 : y + 2, x - 1 : x + 2] = 255
    before, even, uneven = values(patch), values(replace(patch, image=both)), values(replace(patch, image=one))
    assert even["eye_glint"] > before["eye_glint"]
    assert uneven["eye_glint_uneven"] > even["eye_glint_uneven"]
    assert even["eye_glint_apart"] < 1.5


def test_a_mirrored_face_measures_the_same(patch: Patch) -> None:
    from datasets.faces.mask import LEFT_EYE, RIGHT_EYE

    width = patch.image.shape[1]
    points = patch.landmarks.copy()
    points[:, 0] = width - 1 - points[:, 0]
    swap = np.arange(478)
    swap[list(LEFT_EYE)], swap[list(RIGHT_EYE)] = RIGHT_EYE, LEFT_EYE
    swap[468:473], swap[473:478] = range(473, 478), range(468, 473)
    mirrored = replace(patch, image=np.ascontiguousarray(patch.image[:, ::-1]), landmarks=points[swap])
    before, after = values(patch), values(mirrored)
    for name in set(FRAME_CUES) - set(GRID_CUES):
        # The square of a spectrum lies a pixel further to one side.
        near = 0.06 if name.startswith("spectrum") else 0.03
        assert after[name] == pytest.approx(before[name], abs=near, rel=0.03, nan_ok=True), name


@pytest.mark.parametrize(("right", "down"), [(8, 16), (3, 5)])
def test_where_the_face_stands_in_the_frame_does_not_matter(
    right: int, down: int, portrait: tuple[np.ndarray, Face], patch: Patch
) -> None:
    image, face = portrait
    assert face.landmarks is not None
    moved = face.landmarks + np.array([right, down, 0], np.float32)
    padded = cv2.copyMakeBorder(image, down, 0, right, 0, cv2.BORDER_REFLECT)
    shifted = cut_patch(padded, replace(face, landmarks=moved))
    assert shifted is not None
    before, after = values(patch), values(shifted)
    # The square of the surroundings' spectrum is what the window holds of it.
    loose = {name for name in FRAME_CUES if name.startswith("spectrum")}
    for name in set(FRAME_CUES) - (set(GRID_CUES) if right % 8 else set()):
        assert after[name] == pytest.approx(before[name], abs=0.2 if name in loose else 2e-3, nan_ok=True), name


@pytest.mark.parametrize("side", [1, 4, 8, 16, 40])
def test_tiny_faces_give_nan_and_no_error(side: int, portrait: tuple[np.ndarray, Face]) -> None:
    image, face = portrait
    assert face.landmarks is not None
    scale = side / float(np.ptp(face.landmarks[:, :2], axis=0).max())
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = cut_patch(small, replace(face, landmarks=face.landmarks * scale))
    if found is None:
        assert side < 4
        return
    got = values(found)
    assert not np.isinf(list(got.values())).any()
    assert np.isnan(got["features_over_outer_0"]) == (side < 8)
    for name in FRAME_CUES[::6]:
        heat = frame_cue(name).where(found)
        assert heat.shape == found.image.shape[:2] and np.isfinite(heat).all()


@pytest.mark.parametrize(("dx", "dy"), [(-0.5, 0), (0.5, 0), (0, -0.5), (0, 0.5), (-0.7, 0.7)])
def test_a_face_half_outside_the_frame_is_measured_or_nan(
    dx: float, dy: float, portrait: tuple[np.ndarray, Face]
) -> None:
    image, face = portrait
    assert face.landmarks is not None
    middle = face.landmarks[:, :2].mean(0)
    side = float(np.ptp(face.landmarks[:, :2], axis=0).max())
    x, y = (int(v) for v in middle - np.array([dx, dy]) * side / 2)
    x0, x1 = (x, image.shape[1]) if dx < 0 else (0, x) if dx > 0 else (0, image.shape[1])
    y0, y1 = (y, image.shape[0]) if dy < 0 else (0, y) if dy > 0 else (0, image.shape[0])
    points = face.landmarks - np.array([x0, y0, 0], np.float32)
    found = cut_patch(np.ascontiguousarray(image[y0:y1, x0:x1]), replace(face, landmarks=points))
    assert found is not None
    got = np.array(list(values(found).values()))
    assert not np.isinf(got).any() and np.isfinite(got).mean() > (0.3 if 0 in (dx, dy) else 0.1)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_picture_measures_as_nothing(level: int, patch: Patch) -> None:
    got = measure_frame(replace(patch, image=np.full_like(patch.image, level)))
    assert not np.isinf(got).any()
    assert values(replace(patch, image=np.full_like(patch.image, level)))["features_over_outer_0"] == 0


@pytest.mark.parametrize("name", FRAME_CUES)
def test_every_cue_shows_where_and_says_what(name: str, patch: Patch) -> None:
    cue = frame_cue(name)
    heat = cue.where(patch)
    assert heat.dtype == np.float32 and heat.shape == patch.image.shape[:2]
    assert heat.min() >= 0 and 0 < heat.max() <= 1
    said = {cue.sentence(value, (1.0, 2.0)) for value in (0.2, 1.5, 3.1, float("nan"))}
    assert len(said) == 4
    assert all(sentence[0].isupper() and sentence.endswith(".") and "  " not in sentence for sentence in said)


def test_heat_is_where_the_change_is(patch: Patch, tampered: Tampered) -> None:
    """A cheek that is softened lights up; the other one hardly."""

    def cheek(image: np.ndarray) -> np.ndarray:
        done = image.copy()
        x, y = (int(v) for v in patch.landmarks[50] + np.array(patch.origin))
        area = (slice(y - 12, y + 12), slice(x - 12, x + 12))
        done[area] = cv2.GaussianBlur(image, (0, 0), 3)[area]
        return done

    cue = frame_cue("skin_over_outer_0")
    before, after = cue.where(patch), cue.where(tampered(cheek))
    x, y = (int(v) for v in patch.landmarks[50])
    ox, oy = (int(v) for v in patch.landmarks[280])
    gain = after - before
    assert gain[y - 6 : y + 6, x - 6 : x + 6].mean() > 0.05 > abs(gain[oy - 6 : oy + 6, ox - 6 : ox + 6].mean())


def test_middle_is_the_median() -> None:
    for count in (21, 22, 57, 100):
        row = np.random.default_rng(count).normal(size=count)
        assert middle(row) == pytest.approx(float(np.median(row)))
