"""What ``reenact`` promises beyond the contract of every method (tests/synth/test_methods_contract.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets.errors import InputError
from datasets.facearrays import FaceArrays
from datasets.faces.expression import mouth_opening
from datasets.faceset import FaceSet, load_arrays
from synth.bending import bent, region
from synth.composite.compositor import CompositeSettings
from synth.driving import LIP_PAIRS, rest_of, weights_of
from synth.faceparts import parts_of
from synth.method import Budget
from synth.methods.reenact import Reenact
from synth.ownframes import library_of, shares_of, steady_shares
from synth.refine import Refiner, pairs_of
from synth.rendering import swapped_frames


@pytest.fixture(scope="module")
def people(looped: Any) -> tuple[FaceArrays, FaceArrays]:
    return tuple(  # type: ignore[return-value]
        load_arrays(FaceSet(looped.workspace.faces(role)), Reenact.size, Reenact.coverage, limit=24)
        for role in ("source", "destination")
    )


@pytest.fixture(scope="module")
def model(people: tuple[FaceArrays, FaceArrays], tmp_path_factory: pytest.TempPathFactory) -> Reenact:
    made = Reenact(device="cpu", options={"size": "96"})
    made.fit(*people, tmp_path_factory.mktemp("reenact") / "m", Budget(steps=2))
    return made


def test_only_the_mask_is_touched_and_mouth_and_eyes_are_in_it(model: Reenact, looped: Any) -> None:
    faces = FaceSet(looped.workspace.faces("destination"))
    settings = CompositeSettings(**Reenact.composite)
    for made in swapped_frames(looped.workspace.clip("destination"), faces, model, settings, wanted=[3, 12]):
        assert made.row is not None and made.row.landmarks is not None
        assert np.array_equal(made.image[made.mask == 0], made.frame.image[made.mask == 0])
        x, y = np.rint(made.row.landmarks[[13, 159, 386], :2]).astype(int).T
        assert made.mask[y, x].min() > 200 and made.mask[[0, -1]].max() == 0
        x, y = np.rint(made.row.landmarks[[10, 151], :2]).astype(int).T
        assert made.mask[y, x].max() < 128 and made.mask[y[0], x[0]] == 0


def test_the_mouth_goes_where_the_sources_goes(model: Reenact, people: tuple[FaceArrays, FaceArrays]) -> None:
    source, destination = people
    drive = model.drive
    assert drive is not None
    open_, shut = (int(f([mouth_opening(p) for p in source.landmarks])) for f in (np.argmax, np.argmin))
    one = destination.subset(slice(0, 1))
    faces = []
    for at in (open_, shut):
        when = np.array([drive.times[at]])
        faces.append(next(iter(model.render(one.images, one.masks, one.landmarks, when))).face.astype(int))
    change = np.abs(faces[0] - faces[1]).max(-1)
    mouth = region(one.landmarks[0, [61, 0, 17, 291]], Reenact.size, 0.05, 0.01) > 0.5
    assert change[mouth].mean() > 4 * change[~mouth].mean() and change[mouth].mean() > 3


@pytest.mark.slow
def test_a_part_that_is_off_stays_as_it_is(people: tuple[FaceArrays, FaceArrays], tmp_path: Path) -> None:
    model = Reenact(device="cpu", options={"eyes": "off", "brows": "off", "size": 96})
    model.fit(*people, tmp_path / "m", Budget(steps=1))
    one = people[1].subset(slice(5, 6))
    made = next(iter(model.render(one.images, one.masks, one.landmarks, one.times)))
    upper = slice(0, int(one.landmarks[0, 1, 1]) - 30)
    assert made.mask[upper].max() == 0 and np.abs(made.face[upper].astype(int) - one.images[0][upper]).max() <= 1
    assert set(Reenact.load(tmp_path / "m", "cpu").shares) == {"mouth"}


def test_options_that_can_not_be_are_said() -> None:
    for options, said in (
        ({"mouth": "maybe"}, "on or off"),
        ({"strength": "9"}, "strength lies between 0 and 1.5"),
        ({"strength": "much"}, "is a number"),
        ({"size": 512}, "96 or 128"),
        ({"from": "base"}, "starts from nothing"),
        ({"mouth": 0, "eyes": "no", "brows": False}, "all off"),
        ({"gaze": "on"}, r"no option 'gaze'; there are: mouth"),
    ):
        with pytest.raises(InputError, match=said):
            Reenact(device="cpu", options=options)


@pytest.mark.slow
def test_a_source_without_expression_is_said_and_a_destination_without_is_noted(
    people: tuple[FaceArrays, FaceArrays], tmp_path: Path
) -> None:
    source, destination = people
    still = np.argmin([mouth_opening(p) for p in destination.landmarks])
    with pytest.raises(InputError, match="keeps one expression throughout"):
        Reenact(device="cpu").fit(_frozen(source, 0), destination, tmp_path / "a", Budget(steps=1))
    frozen = _frozen(destination, int(still))
    frozen.landmarks[:, LIP_PAIRS[:, 1]] = frozen.landmarks[:, LIP_PAIRS[:, 0]]
    model = Reenact(device="cpu", options={"size": 96})
    card = model.fit(source, frozen, tmp_path / "b", Budget(steps=1))
    assert any("never opens its mouth" in note for note in card["notes"])
    made = list(model.render(frozen.images[:2], frozen.masks[:2], frozen.landmarks[:2], frozen.times[:2]))
    assert len(made) == 2 and all(one.mask.max() > 0.9 for one in made)


def _frozen(faces: FaceArrays, at: int) -> FaceArrays:
    same = np.full(len(faces), at)
    chosen = faces.subset(same)
    return FaceArrays(
        chosen.images, chosen.masks, chosen.landmarks, faces.frames, faces.times, chosen.angles, faces.coverage
    )


def test_a_picture_bent_in_a_box_is_that_part_of_the_whole(people: tuple[FaceArrays, FaceArrays]) -> None:
    faces = people[1]
    at, towards = faces.landmarks[0, :468], faces.landmarks[9, :468]
    box = (slice(90, 250), slice(70, 233))
    whole = bent(faces.images[0], at, towards)
    assert np.abs(bent(faces.images[0], at, towards, None, box).astype(int) - whole[box]).max() <= 1
    assert np.abs(bent(faces.images[0], at, at).astype(int) - faces.images[0]).max() <= 1


def test_library_faces_come_and_go_smoothly(people: tuple[FaceArrays, FaceArrays]) -> None:
    faces = people[1]
    rest, shapes = rest_of(faces)
    part = parts_of(rest, weights_of(rest), True, False, False)[0]
    library = library_of(faces, shapes, part.shape, 6)
    assert 1 < len(library.images) <= 6 and len(set(library.times)) == len(library.times)
    times = np.arange(len(shapes)) / 30
    shares = steady_shares(part, library, shapes, times)
    assert np.allclose(shares.sum(1), 1, atol=1e-5) and np.abs(np.diff(shares, axis=0)).max() < 0.5
    near = np.array([0.1, 0.2, 0.3])
    a, b = shares_of(near), shares_of(near + np.array([1e-4, 0, 0]))
    assert a.argmax() == 0 and a.sum() == pytest.approx(1) and np.abs(a - b).max() < 0.01


def test_the_network_changes_nothing_outside_its_mask_and_pairs_cover_all_frames() -> None:
    import torch

    x = torch.rand(1, 8, 96, 96)
    x[:, 7, :40] = 0
    assert Refiner()(x)[:, :, :40].abs().max() == 0
    pairs = pairs_of(30, np.random.default_rng(0))
    assert set(pairs[:, 1]) == set(range(30)) and pairs.shape == (90, 2)
