"""The cues of a track answer to flicker and jitter, to blinks and to the mouth, from short runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from datasets.faces.expression import eye_opening
from datasets.faces.finder import Face
from datasets.faces.mask import hull_mask
from detect.cues.patch import Patch, cut_patch
from detect.cues.run import Runs
from detect.cues.track import TRACK_CUES, measure_track, track_cue

Run = list[tuple[float, Patch]]
Change = Callable[[int, np.ndarray], np.ndarray]
RATE, LENGTH = 25, 8


def film(
    portrait: tuple[np.ndarray, Face], inside: Change | None = None, jitter: float = 0.0, start: float = 0.0
) -> Run:
    """The portrait drifting for eight frames, each with a little noise of its own; ``inside`` changes the face."""
    image, face = portrait
    assert face.landmarks is not None
    mask = cv2.GaussianBlur(hull_mask(face.landmarks, image.shape[:2]), (0, 0), 2)[..., None]
    random = np.random.default_rng(5)
    run: Run = []
    for i in range(LENGTH):
        affine = cv2.getRotationMatrix2D((225, 123), 0.4 * i, 1 + 0.002 * i)
        affine[:, 2] += 0.7 * i, 0.3 * i
        shown = image if inside is None else image * (1 - mask) + inside(i, image).astype(np.float32) * mask
        moved = cv2.warpAffine(shown.astype(np.float32), affine, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
        frame = np.clip(moved + random.normal(0, 1, moved.shape), 0, 255).astype(np.uint8)
        points = face.landmarks.copy()
        points[:, :2] = points[:, :2] @ affine[:, :2].T + affine[:, 2]
        points[:, :2] += random.normal(0, 0.05 + jitter, (478, 2))
        patch = cut_patch(frame, replace(face, landmarks=points))
        assert patch is not None
        run.append((start + i / RATE, patch))
    return run


def values(*runs: Run) -> dict[str, float]:
    return dict(zip(TRACK_CUES, measure_track(runs).tolist(), strict=True))


@pytest.fixture(scope="module")
def still(portrait: tuple[np.ndarray, Face]) -> Run:
    return film(portrait)


@pytest.fixture(scope="module")
def before(still: Run) -> dict[str, float]:
    return values(still)


def test_the_order_of_the_columns_stays() -> None:
    assert len(set(TRACK_CUES)) == len(TRACK_CUES) >= 37
    assert (TRACK_CUES[0], TRACK_CUES[36]) == ("flicker_fine_skin_over_outer", "sharpness_varies_skin_1")


def test_all_is_measured_on_an_ordinary_run(before: dict[str, float]) -> None:
    assert all(np.isfinite(value) for value in before.values())


def test_detail_drawn_anew_each_frame_flickers(portrait: tuple[np.ndarray, Face], before: dict[str, float]) -> None:
    def anew(i: int, image: np.ndarray) -> np.ndarray:
        return image + cv2.GaussianBlur(np.random.default_rng(i).normal(0, 12, image.shape), (0, 0), 1.0)

    after = values(film(portrait, anew))
    for region in ("skin", "features", "contour"):
        assert after[f"flicker_fine_{region}_over_outer"] > before[f"flicker_fine_{region}_over_outer"] + 0.1
    # The eyes and mouth have strong detail of their own, which stays where it is.
    assert after["steady_fine_skin_over_outer"] < before["steady_fine_skin_over_outer"] - 0.02


def test_a_face_that_changes_its_brightness_flickers(
    portrait: tuple[np.ndarray, Face], before: dict[str, float]
) -> None:
    after = values(film(portrait, lambda i, image: image + 4.0 * (-1) ** i))
    assert after["flicker_brightness_skin_over_outer"] > before["flicker_brightness_skin_over_outer"] + 1


def test_a_face_that_gets_soft_by_turns_goes_its_own_way(
    portrait: tuple[np.ndarray, Face], before: dict[str, float]
) -> None:
    after = values(film(portrait, lambda i, image: cv2.GaussianBlur(image, (0, 0), 0.4 + 0.5 * (i % 3))))
    for region in ("skin", "features"):
        assert after[f"sharpness_varies_{region}_0"] > before[f"sharpness_varies_{region}_0"] + 0.5


def test_jitter_of_the_landmarks_is_told(portrait: tuple[np.ndarray, Face], before: dict[str, float]) -> None:
    after = values(film(portrait, jitter=1.0))
    for group in ("jaw", "eyes", "mouth", "nose"):
        assert after[f"jitter_{group}"] > before[f"jitter_{group}"] + 1
    assert after["jitter_over_head_motion"] > before["jitter_over_head_motion"] + 1


def test_noise_trembles_more_than_motion(portrait: tuple[np.ndarray, Face], before: dict[str, float]) -> None:
    _image, face = portrait
    assert face.landmarks is not None
    # A mouth that opens steadily moves without trembling; noise has sqrt(3) times its first differences.
    run = []
    for time, patch in film(portrait):
        points = patch.landmarks.copy()
        points[[61, 291, 13, 14, 0, 17], 1] += 100 * time
        run.append((time, replace(patch, landmarks=points)))
    after = values(run)
    assert after["jitter_over_motion_mouth"] < before["jitter_over_motion_mouth"] - 0.5
    assert values(film(portrait, jitter=1.0))["jitter_over_motion_mouth"] == pytest.approx(np.log(3) / 2, abs=0.2)


def test_blinks_and_the_mouth(still: Run, before: dict[str, float]) -> None:
    def lids(patch: Patch, share: float) -> Patch:
        points = patch.landmarks.copy()
        for up, down in ((160, 144), (158, 153), (387, 373), (385, 380), (159, 145), (386, 374)):
            centre, half = (points[up] + points[down]) / 2, (points[up] - points[down]) / 2
            points[up], points[down] = centre + share * half, centre - share * half
        return replace(patch, landmarks=points)

    blinking = [(time, lids(patch, 0.1) if i == 4 else patch) for i, (time, patch) in enumerate(still)]
    assert eye_opening(blinking[4][1].landmarks) < 0.3 * eye_opening(still[4][1].landmarks)
    after = values(blinking)
    assert after["eyes_shut_share"] == pytest.approx(1 / LENGTH) and before["eyes_shut_share"] == 0
    assert after["blink_depth"] > 0.7 > before["blink_depth"]
    assert after["eye_opening_spread"] > before["eye_opening_spread"]

    talking: Run = []
    for i, (time, patch) in enumerate(still):
        points = patch.landmarks.copy()
        points[[87, 14, 317], 1] += 3 * (i % 2)
        talking.append((time, replace(patch, landmarks=points)))
    after = values(talking)
    assert after["mouth_opening_range"] > before["mouth_opening_range"] + 0.03
    assert after["mouth_opening_spread"] > before["mouth_opening_spread"] + 0.01


def test_runs_need_not_touch(still: Run, portrait: tuple[np.ndarray, Face]) -> None:
    later = [(time + 40, patch) for time, patch in still]
    apart, joined = values(still, later), values(still + later)
    assert apart == pytest.approx(joined, nan_ok=True)
    # What lies between two runs is no flicker.
    seen = Runs([still + later])
    assert [len(run.luma) for run in seen.aligned] == [LENGTH, LENGTH]


def test_frames_spread_over_a_clip_give_the_statistics_alone(still: Run) -> None:
    spread = values([(10 * time, patch) for time, patch in still])
    assert all(
        np.isnan(spread[name]) for name in TRACK_CUES if name.startswith(("flicker", "steady", "jitter", "shake"))
    )
    assert np.isfinite(spread["mouth_opening_range"]) and np.isfinite(spread["sharpness_varies_skin_0"])
    assert spread == pytest.approx(values(*([(time, patch)] for time, patch in still)), nan_ok=True)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_too_few_frames_give_nan(count: int, still: Run) -> None:
    got = values(still[:count])
    assert np.isfinite(got["flicker_fine_skin_over_outer"]) == (count >= 2)
    assert np.isfinite(got["jitter_nose"]) == (count >= 3)
    assert np.isnan(got["eyes_shut_share"])
    assert np.isnan(measure_track([])).all()


def test_tiny_faces_and_faces_at_the_edge_do_not_crash(portrait: tuple[np.ndarray, Face]) -> None:
    image, face = portrait
    assert face.landmarks is not None
    for scale in (0.02, 0.08, 0.3):
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        patch = cut_patch(small, replace(face, landmarks=face.landmarks * scale))
        if patch is not None:
            assert not np.isinf(measure_track([[(i / 25, patch) for i in range(8)]])).any()
    left = int(face.landmarks[:, 0].mean())
    half = cut_patch(
        np.ascontiguousarray(image[:, left:]),
        replace(face, landmarks=face.landmarks - np.array([left, 0, 0], np.float32)),
    )
    assert half is not None
    assert not np.isinf(measure_track([[(i / 25, half) for i in range(8)]])).any()


@pytest.mark.parametrize("name", TRACK_CUES)
def test_every_cue_shows_where_and_says_what(name: str, patch: Patch) -> None:
    cue = track_cue(name)
    heat = cue.where(patch)
    assert heat.dtype == np.float32 and heat.shape == patch.image.shape[:2]
    assert heat.min() >= 0 and 0 < heat.max() <= 1
    said = {cue.sentence(value, (1.0, 2.0)) for value in (0.2, 1.5, 3.1, float("nan"))}
    assert len(said) == 4
    assert all(sentence[0].isupper() and sentence.endswith(".") and "  " not in sentence for sentence in said)
