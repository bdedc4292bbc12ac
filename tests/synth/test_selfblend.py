"""The self-blend method: what it draws, its options, and clips without flicker with an exact mask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from datasets.errors import InputError
from datasets.facearrays import FaceArrays
from datasets.faceset import FaceSet, load_arrays
from datasets.selfblenddraw import MASKS, SelfBlendDraw
from synth.composite.settings import for_method
from synth.method import Budget, method_class
from synth.methods.selfblend import SelfBlend
from synth.rendering import swapped_frames


@pytest.fixture(scope="module")
def people(looped: Any) -> tuple[FaceArrays, FaceArrays]:
    return tuple(  # type: ignore[return-value]
        load_arrays(FaceSet(looped.workspace.faces(role)), SelfBlend.size, SelfBlend.coverage, limit=24)
        for role in ("source", "destination")
    )


def masks(model: SelfBlend, faces: FaceArrays, times: np.ndarray | None = None) -> np.ndarray:
    when = faces.times if times is None else times
    return np.stack([made.mask for made in model.render(faces.images, faces.masks, faces.landmarks, when)])


def test_it_is_found_by_its_name_and_does_not_train() -> None:
    assert method_class("self-blend") is SelfBlend and not SelfBlend.trains


def test_the_card_says_that_the_source_is_not_used_and_what_was_drawn(
    people: tuple[FaceArrays, FaceArrays], tmp_path: Path
) -> None:
    card = SelfBlend(4, "cpu", {"mask": "inner"}).fit(*people, tmp_path, Budget(steps=9))
    assert card["uses"] == ["destination"] and "nothing of the source" in card["notes"][0]
    assert "untouched" in card["heldout_measure"] and card["step"] == 0
    written = json.loads((tmp_path / "card.json").read_text())
    assert SelfBlendDraw.from_table(written["drawn"]) == SelfBlend.load(tmp_path, "cpu").draw
    assert written["drawn"]["mask"] == "inner" and written["options"]["mask"] == "inner"


def test_the_source_changes_nothing(people: tuple[FaceArrays, FaceArrays], tmp_path: Path) -> None:
    source, destination = people
    one, other = SelfBlend(4, "cpu"), SelfBlend(4, "cpu")
    first = one.fit(source, destination, tmp_path / "one", Budget())
    second = other.fit(destination.subset(slice(1)), destination, tmp_path / "other", Budget())
    assert np.array_equal(masks(one, destination), masks(other, destination))
    assert first["heldout"]["destination"] == second["heldout"]["destination"]


def test_three_faces_are_enough_and_none_is_not(people: tuple[FaceArrays, FaceArrays], tmp_path: Path) -> None:
    three = people[1].subset(slice(3))
    assert 0.3 < SelfBlend(0, "cpu").fit(three, three, tmp_path, Budget())["heldout"]["destination"]["ssim"] < 1
    with pytest.raises(InputError, match="destination has 0 usable faces"):
        SelfBlend(0, "cpu").fit(three, three.subset(slice(0)), tmp_path / "none", Budget())


def test_text_and_values_mean_the_same(people: tuple[FaceArrays, FaceArrays]) -> None:
    text = SelfBlend(1, "cpu", {"strength": "1.5", "variant": "3", "ratio": "1", "drift": "0", "mask": "face"})
    values = SelfBlend(1, "cpu", {"strength": 1.5, "variant": 3, "ratio": 1.0, "drift": 0.0, "mask": "face"})
    assert text.draw == values.draw and text.draw.ratio == 1 and text.draw.mask == "face"
    assert text.draw != SelfBlend(1, "cpu", {"variant": 4}).draw


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("mask", "hat", "there are: any, face"),
        ("texture", "fur", "there are: any, coarse"),
        ("strength", "much", "is a number"),
        ("strength", "nan", "lies in"),
        ("strength", 0, "lies in 0.05 to 2"),
        ("ratio", 1.5, "lies in 0 to 1"),
        ("drift", -1, "lies in 0 to 1"),
        ("variant", "1.5", "is a whole number"),
        ("variant", -1, "lies in"),
        ("steps", 1, "no option 'steps'; its options are: drift, mask"),
    ],
)
def test_wrong_options_are_said(name: str, value: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        SelfBlend(0, "cpu", {name: value})


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_seed_a_clip_is_visibly_changed_and_nothing_is_at_the_rim(
    seed: int, people: tuple[FaceArrays, FaceArrays]
) -> None:
    model = SelfBlend(seed, "cpu")
    assert model.draw.mask in MASKS and model.draw.changed == "source" and model.draw.shared is None
    found = masks(model, people[1].subset(slice(0, 24, 8)))
    assert (found.reshape(len(found), -1).max(1) > 0.5).all() and found.max() <= 1
    for edge in (found[:, 0], found[:, -1], found[:, :, 0], found[:, :, -1]):
        assert not edge.any()


def test_the_mask_drifts_slowly_or_not_at_all(people: tuple[FaceArrays, FaceArrays]) -> None:
    """One face over and over, 25 frames a second: only the drift moves, and it never jumps."""
    again = people[1].subset(np.zeros(50, dtype=int))
    times = np.arange(50) / 25
    still = masks(SelfBlend(2, "cpu", {"drift": 0}), again, times)
    assert (still == still[0]).all()
    moving = masks(SelfBlend(2, "cpu", {"drift": 1}), again, times)
    steps = np.abs(np.diff(moving, axis=0)).mean((1, 2))
    assert steps.max() > 0 and steps.max() < 0.004 and np.abs(moving[-1] - moving[0]).mean() > steps.max()


def test_in_a_frame_the_mask_is_the_alpha_and_flicker_stays_that_of_the_clip(looped: Any) -> None:
    workspace = looped.workspace
    model = SelfBlend(3, "cpu", {"mask": "face", "strength": 1.5, "ratio": 1})
    settings = for_method(model)
    assert (settings.mode, settings.mask, settings.erode, settings.blur) == ("raw", "learned", 0.0, 0.0)
    faces = FaceSet(workspace.faces("destination"))
    found = list(swapped_frames(workspace.clip("destination"), faces, model, settings, None, list(range(12))))
    for one in found:
        assert one.mask.max() > 200
        assert np.array_equal(one.image[one.mask == 0], one.frame.image[one.mask == 0])
        assert not np.array_equal(one.image, one.frame.image)
    inside = np.mean([one.mask for one in found], 0) > 128

    def flicker(pictures: list[np.ndarray]) -> float:
        grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) for picture in pictures]
        return float(
            np.mean([np.abs(a - 2 * b + c)[inside].mean() for a, b, c in zip(grey, grey[1:], grey[2:], strict=False)])
        )

    assert flicker([one.image for one in found]) < 1.25 * flicker([one.frame.image for one in found])
