"""Heatmaps in words and on the frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from datasets.faces.align import align_affine
from datasets.faces.finder import Face, make_finder
from datasets.video import read_frames
from detect.explain import REGIONS, colour_table, heat_in_frame, overlay, region_heat, region_masks, where


@pytest.fixture(scope="module")
def face(material: Any) -> tuple[np.ndarray, Face]:
    finder = make_finder("mediapipe")
    frame = next(read_frames(material.real))
    found = finder.find(frame.image)[0]
    finder.close()
    return frame.image, found


def test_regions_cover_the_crop_and_lie_where_they_should(face: tuple[np.ndarray, Face]) -> None:
    _, found = face
    masks = region_masks(found, align_affine(found, 128, "full"), 128)
    assert masks is not None
    total = np.sum([masks[name] for name in REGIONS], axis=0)
    assert total.max() == 1 and total.mean() > 0.95
    middle = {name: np.argwhere(masks[name]).mean(0)[0] for name in REGIONS}
    assert middle["on the forehead"] < middle["around the eyes"] < middle["on the nose"] < middle["around the mouth"]
    assert middle["along the upper edge of the face"] < middle["along the lower edge of the face"]


@pytest.mark.parametrize("name", REGIONS)
def test_heat_in_one_region_is_named_by_it(name: str, face: tuple[np.ndarray, Face]) -> None:
    _, found = face
    masks = region_masks(found, align_affine(found, 128, "full"), 128)
    assert masks is not None
    said = where(region_heat(masks[name].astype(np.float32), masks))
    assert said is not None and name in said


def test_words_for_everywhere_and_nowhere() -> None:
    assert where(np.full(len(REGIONS), 0.9)) == "over the whole face"
    assert where(np.zeros(len(REGIONS))) is None
    assert where(np.full(len(REGIONS), np.nan)) is None


def test_without_a_mesh_there_are_no_regions(face: tuple[np.ndarray, Face]) -> None:
    from dataclasses import replace

    assert region_masks(replace(face[1], landmarks=None), np.eye(2, 3, dtype=np.float32), 64) is None


def test_no_heat_leaves_the_frame_as_it_is(face: tuple[np.ndarray, Face]) -> None:
    image, found = face
    affine = align_affine(found, 128, "full")
    assert np.array_equal(overlay(image, np.zeros((32, 32), np.float32), affine, 128), image)


def test_heat_lands_where_the_crop_came_from(face: tuple[np.ndarray, Face]) -> None:
    image, found = face
    affine = align_affine(found, 128, "full")
    heat = np.zeros((32, 32), np.float32)
    heat[12:20, 12:20] = 1
    laid = heat_in_frame(heat, affine, 128, (image.shape[1], image.shape[0]))
    y, x = (v.mean() for v in np.nonzero(laid > 0.5))
    assert np.hypot(*(affine[:, :2] @ (x, y) + affine[:, 2] - 63.5)) < 3
    shown = overlay(image, heat, affine, 128)
    changed = np.abs(shown.astype(int) - image).max(2) > 0
    assert changed.any() and not changed[laid == 0].any()


def test_the_colours_grow_lighter_with_the_heat() -> None:
    assert (np.diff(colour_table().astype(int) @ (0.2126, 0.7152, 0.0722))[2:] > -1.0).all()
