"""A swap's figures: none where nothing was changed, and each moved by what it is about."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from footage import Looped, counterface

from evaluate.seams import bands, colour_difference, seam_strength, sharpness_ratio, ssim_outside
from evaluate.swapquality import FIGURES, gaze_error, swap_figures
from evaluate.swapreport import share


@pytest.fixture(scope="module")
def picture() -> tuple[np.ndarray, np.ndarray]:
    """A portrait and a soft mask in it."""
    from skimage.data import astronaut

    mask = np.zeros((320, 320), np.float32)
    cv2.ellipse(mask, (160, 140), (60, 80), 0, 0, 360, 1.0, -1)
    return np.ascontiguousarray(astronaut()[:320, 60:380]), cv2.GaussianBlur(mask, (0, 0), 2)


def test_equal_pictures_have_no_seam_and_a_pasted_patch_has(picture: tuple[np.ndarray, np.ndarray]) -> None:
    image, mask = picture
    inside, edge, away = bands(mask)
    assert not (inside & edge).any() and not (edge & away).any() and not (inside & away).any()
    assert seam_strength(image, image, edge) == pytest.approx(1)
    pasted = image.copy()
    pasted[mask > 0.5] = np.clip(pasted[mask > 0.5] + 50.0, 0, 255).astype(np.uint8)
    assert seam_strength(pasted, image, edge) > 1.2  # type: ignore[operator]
    assert seam_strength(image, image, np.zeros_like(edge)) is None


def test_a_blurred_face_is_less_sharp_and_the_rest_is_as_it_was(picture: tuple[np.ndarray, np.ndarray]) -> None:
    image, mask = picture
    inside, _, away = bands(mask)
    soft = np.where(mask[..., None] > 0, cv2.GaussianBlur(image, (0, 0), 2), image)
    assert sharpness_ratio(soft, image, inside) < 0.3  # type: ignore[operator]
    assert colour_difference(soft, image, away) == 0 and ssim_outside(soft, image, away) == pytest.approx(1, abs=1e-3)
    warmer = np.clip(image.astype(int) + np.array([8, 0, -8]), 0, 255).astype(np.uint8)
    assert colour_difference(warmer, image, away) > 2  # type: ignore[operator]


def test_gaze_is_where_the_irises_lie_between_the_corners() -> None:
    mesh = np.random.default_rng(0).normal(0, 30, (478, 3))
    mesh[[33, 133, 263, 362]] = [[0, 0, 0], [30, 0, 0], [100, 0, 0], [70, 0, 0]]
    mesh[[468, 473]] = [[15, 0, 0], [85, 0, 0]]
    aside = mesh.copy()
    aside[[468, 473], 0] += 3
    assert gaze_error(mesh, mesh) == 0 and gaze_error(aside, mesh) == pytest.approx(0.1)
    assert gaze_error(aside * 2 + 5, mesh * 2 + 5) == pytest.approx(0.1)


def test_a_clip_against_itself_is_without_fault(looped: Looped) -> None:
    clip, mask = looped.workspace.clip("destination"), looped.workspace.result / "result_mask.mkv"
    found = swap_figures(clip, clip, mask, 12)
    assert set(found["figures"]) == set(FIGURES) and found["identity"] is None
    for name, held in found["figures"].items():
        assert share(name, held["value"]) < 0.05, name


def test_a_swap_is_measured_and_shown(looped: Looped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTERFACE_WEIGHTS", raising=False)
    page, picture, table = tmp_path / "swap.html", tmp_path / "swap.png", tmp_path / "swap.json"
    said = counterface(
        "evaluate", "swap", looped.workspace.root, "--frames", 12,
        "--report", page, "--picture", picture, "--json", table,
    )  # fmt: skip
    assert said.code == 0, said
    held = json.loads(table.read_text())
    assert held["study"] == "swap" and held["figures"]["pose"]["value"] > 0 and held["hashes"]["the swap"]
    assert held["identity"] is None and "MobileFaceNet" in said.out and "weights fetch mobilefacenet" in said.err
    assert "://" not in page.read_text() and picture.read_bytes()[:4] == b"\x89PNG"
    again = counterface("evaluate", "swap", looped.workspace.root, "--report", page)
    assert again.code == 2 and "exists already" in again.error


@pytest.mark.parametrize(
    ("more", "said"),
    [((), "--original"), (("--original", "none.mp4"), "none.mp4"), (("--report", "x.txt"), "must end in .html")],
)
def test_what_is_missing_is_said(looped: Looped, more: tuple[str, ...], said: str) -> None:
    answer = counterface("evaluate", "swap", looped.workspace.result / "result.mp4", *more)
    assert answer.code == 2 and said in answer.error
