"""What every swap method promises. A new method in ``synth/methods`` is taken up here by itself."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets.errors import InputError, Interrupted
from datasets.facearrays import FaceArrays
from datasets.faceset import FaceSet, load_arrays
from synth.method import Budget, Rendered, method_class, methods

STEPS = 2
NAMES = sorted(methods())
# The networks of quick96 with other numbers and another inter, and one with tests of its own; they take long, so they
# are tried where there is time.
LARGE = ("df", "liae", "hd128", "hd192", "hd256", "reenact")
TRIED = [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in NAMES]


def steps(kind: Any) -> int:
    """What a card says after ``STEPS``: a method that does not train takes none."""
    return STEPS if kind.trains else 0


@pytest.fixture(scope="module", params=TRIED)
def kind(request: pytest.FixtureRequest) -> Any:
    return method_class(request.param)


@pytest.fixture(scope="module")
def people(kind: Any, looped: Any) -> tuple[FaceArrays, FaceArrays]:
    """A dozen faces of each person at the method's size and coverage."""
    return tuple(  # type: ignore[return-value]
        load_arrays(FaceSet(looped.workspace.faces(role)), kind.size, kind.coverage, limit=12)
        for role in ("source", "destination")
    )


@pytest.fixture(scope="module")
def sheets() -> list[tuple[int, np.ndarray]]:
    """What ``trained`` showed: step and contact sheet."""
    return []


@pytest.fixture(scope="module")
def trained(
    kind: Any,
    people: tuple[FaceArrays, FaceArrays],
    sheets: list[tuple[int, np.ndarray]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("trained") / kind.name
    sheets.clear()
    kind(seed=5, device="cpu").fit(
        *people, folder, Budget(steps=STEPS), show=lambda step, sheet: sheets.append((step, sheet))
    )
    return folder


def render(model: Any, faces: FaceArrays, count: int = 3) -> list[Rendered]:
    return list(model.render(*(part[:count] for part in (faces.images, faces.masks, faces.landmarks, faces.times))))


def test_it_says_what_its_crops_are(kind: Any) -> None:
    assert kind.name in NAMES and kind.size >= 32 and 0.5 < kind.coverage < 4


def test_the_card_tells_all_that_using_it_needs(kind: Any, trained: Path) -> None:
    card = json.loads((trained / "card.json").read_text())
    assert card["kind"] == "swap" and card["method"] == card["name"] == kind.name
    assert (card["size"], card["coverage"], card["step"], card["seed"]) == (kind.size, kind.coverage, steps(kind), 5)
    assert {"seconds", "device", "data", "normalisation", "weights_sha256"} <= set(card)
    for role in ("source", "destination"):
        assert 0 < card["heldout"][role]["ssim"] <= 1


def test_it_renders_a_face_and_a_mask_for_every_crop(
    kind: Any, trained: Path, people: tuple[FaceArrays, FaceArrays]
) -> None:
    for made in (found := render(kind.load(trained, "cpu"), people[1])):
        assert made.face.shape == (kind.size, kind.size, 3) and made.face.dtype == np.uint8
        assert made.mask.shape == (kind.size, kind.size) and made.mask.dtype == np.float32
        assert made.mask.min() >= 0 and made.mask.max() <= 1 and made.mask.max() > 0.5
    assert len(found) == 3 and not np.array_equal(found[0].face, found[2].face)


def test_rendering_is_deterministic_and_does_not_depend_on_the_company(
    kind: Any, trained: Path, people: tuple[FaceArrays, FaceArrays]
) -> None:
    model = kind.load(trained, "cpu")
    together, again, alone = render(model, people[1]), render(model, people[1]), render(model, people[1], 1)
    assert all(np.array_equal(a.face, b.face) for a, b in zip(together, again, strict=True))
    assert np.abs(together[0].face.astype(int) - alone[0].face).max() <= 1


def test_saved_and_loaded_it_renders_the_same(
    kind: Any, trained: Path, people: tuple[FaceArrays, FaceArrays], tmp_path: Path
) -> None:
    model = kind.load(trained, "cpu")
    model.save(tmp_path / "copy")
    for a, b in zip(render(model, people[1]), render(kind.load(tmp_path / "copy", "cpu"), people[1]), strict=True):
        assert np.array_equal(a.face, b.face) and np.array_equal(a.mask, b.mask)


def test_the_seed_decides_it_and_stopped_by_ctrl_c_it_goes_on_to_the_same_end(
    kind: Any, trained: Path, people: tuple[FaceArrays, FaceArrays], tmp_path: Path
) -> None:
    sent: list[str] = []

    def stop(step: str, done: float, total: float | None, note: str = "") -> None:
        # Without training there is only the preparation to stop.
        if not sent and done == 1 and (step == "training" or not kind.trains):
            sent.append(step)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        kind(seed=5, device="cpu").fit(*people, tmp_path / "m", Budget(steps=STEPS), stop)
    assert not (tmp_path / "m" / "card.json").exists()
    card = kind(seed=5, device="cpu").fit(*people, tmp_path / "m", Budget(steps=STEPS))
    assert card["step"] == steps(kind)
    kind(seed=6, device="cpu").fit(*people, tmp_path / "other", Budget(steps=STEPS))
    whole, broken, other = (
        render(kind.load(folder, "cpu"), people[1], 1)[0] for folder in (trained, tmp_path / "m", tmp_path / "other")
    )
    assert np.array_equal(whole.face, broken.face) and np.array_equal(whole.mask, broken.mask)
    if kind.trains:
        assert not np.array_equal(whole.face, other.face)


def test_it_shows_a_contact_sheet(kind: Any, trained: Path, sheets: list[tuple[int, np.ndarray]]) -> None:
    step, sheet = sheets[-1]
    assert step == steps(kind)
    assert sheet.dtype == np.uint8 and sheet.ndim == 3 and sheet.shape[2] == 3 and sheet.std() > 10


def test_too_few_faces_and_another_models_folder_are_said(
    kind: Any, trained: Path, people: tuple[FaceArrays, FaceArrays], tmp_path: Path
) -> None:
    source, destination = people
    few = min(3, getattr(kind, "fewest_faces", 8) - 1)
    with pytest.raises(InputError, match=f"source has {few} usable faces"):
        kind(device="cpu").fit(source.subset(slice(few)), destination, tmp_path / "few", Budget(steps=1))
    if kind.trains:
        with pytest.raises(InputError, match=r"other seed.*--force"):
            kind(seed=6, device="cpu").fit(source, destination, trained, Budget(steps=STEPS + 1))
    with pytest.raises(InputError):
        kind.load(tmp_path / "nothing", "cpu")


def test_an_unknown_option_is_said_with_those_there_are(kind: Any) -> None:
    with pytest.raises(InputError, match="no-such-thing"):
        kind(device="cpu", options={"no-such-thing": "1"})


def test_an_unknown_method_is_said_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"no swap method 'deepest'.*quick96"):
        method_class("deepest")
