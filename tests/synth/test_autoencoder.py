"""What the autoencoders share: size by option, going on with other losses, starts, and models that do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from footage import Looped

from datasets.checkpoint import save_checkpoint
from datasets.errors import InputError
from datasets.facearrays import FaceArrays
from datasets.faceset import FaceSet, load_arrays
from synth.method import Budget, method_class

TINY = {"size": 64, "dims": "ae=16,e=6,d=6,mask=4", "batch": 2, "from": "none"}
People = tuple[FaceArrays, FaceArrays]


def people_of(looped: Looped, model: Any, count: int = 20) -> People:
    return tuple(  # type: ignore[return-value]
        load_arrays(FaceSet(looped.workspace.faces(role)), model.size, model.coverage, limit=count)
        for role in ("source", "destination")
    )


def tiny(name: str = "df", **options: Any) -> Any:
    return method_class(name)(seed=1, device="cpu", options=TINY | options)


@pytest.fixture(scope="module")
def plain(looped: Looped) -> People:
    """Twenty faces of each at 64 pixels."""
    return people_of(looped, tiny())


@pytest.fixture(scope="module")
def trained(plain: People, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "df"
    tiny().fit(*plain, folder, Budget(steps=2))
    return folder


class Hearing:
    """Listens to sentences."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __call__(self, step: str, done: float, total: float | None, note: str = "") -> None:
        pass

    def say(self, sentence: str) -> None:
        self.heard.append(sentence)


def rendered(model: Any, faces: FaceArrays) -> np.ndarray:
    made = model.render(faces.images[:2], faces.masks[:2], faces.landmarks[:2], faces.times[:2])
    return np.stack([one.face for one in made])


@pytest.mark.parametrize("likeness", ["on", "off"])
def test_the_size_that_was_asked_for_is_kept_by_the_model(looped: Looped, tmp_path: Path, likeness: str) -> None:
    model = tiny("liae", likeness=likeness)
    faces = people_of(looped, model)
    card = model.fit(*faces, tmp_path, Budget(steps=1))
    assert (card["network_size"], card["size"]) == (64, 128 if likeness == "on" else 64)
    assert card["recipe"]["dims"] == {"ae": 16, "e": 6, "d": 6, "mask": 4} and card["options"]["likeness"] == likeness
    assert card["gmac"] > 0 and card["parameters"] > 0 and card["start"] == "started from nothing"
    loaded = method_class("liae").load(tmp_path, "cpu")
    assert loaded.size == model.size and np.array_equal(rendered(loaded, faces[1]), rendered(model, faces[1]))
    assert bool(loaded.textures) == (likeness == "on")


def test_late_losses_may_be_added_to_a_training_that_goes_on(plain: People, trained: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "df"
    shutil.copytree(trained, folder)
    more = {"gan": 0.1, "style": 1, "late": 1, "flip": "on", "uniform_yaw": "on", "colour_transfer": "on"}
    card = tiny(**more).fit(*plain, folder, Budget(steps=12))
    assert card["step"] == 12 and card["recipe"]["gan"] == 0.1
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert any({"loss_gan", "loss_adversary", "loss_style"} <= set(line) for line in lines)
    with pytest.raises(InputError, match="other dims"):
        tiny(dims="ae=32,e=6,d=6,mask=4").fit(*plain, folder, Budget(steps=13))


def test_style_with_a_likeness_judges_the_swap(looped: Looped, tmp_path: Path) -> None:
    model = tiny(likeness="on", style=1, late=1)
    card = model.fit(*people_of(looped, model), tmp_path, Budget(steps=1))
    assert card["step"] == 1 and np.isfinite(card["heldout"]["source"]["ssim"])


def test_a_start_is_taken_once_and_told(plain: People, trained: Path, tmp_path: Path) -> None:
    model = tiny(**{"from": str(trained)})
    card = model.fit(*plain, tmp_path, Budget(steps=1))
    assert "2 steps" in card["start"] and str(trained) in card["start"]
    assert tiny(**{"from": str(trained)}).fit(*plain, tmp_path, Budget(steps=2))["start"] == card["start"]
    with pytest.raises(InputError, match="--force"):
        tiny().fit(*plain, tmp_path, Budget(steps=2))
    own = {name: value for name, value in TINY.items() if name != "from"}
    said = Hearing()
    cold = method_class("df")(seed=1, device="cpu", options=own).fit(*plain, tmp_path / "c", Budget(steps=1), said)
    assert (
        cold["start"] == "started from nothing: df has no base yet" and said.heard.count(f"S{cold['start'][1:]}.") == 1
    )
    assert tiny().fit(*plain, tmp_path / "c", Budget(steps=2))["start"] == cold["start"]
    with pytest.raises(InputError, match="df has no base to start from"):
        tiny(**{"from": "base"}).fit(*plain, tmp_path / "cold", Budget(steps=1))
    with pytest.raises(InputError, match="holds no model to start from"):
        tiny(**{"from": str(tmp_path / "nowhere")}).fit(*plain, tmp_path / "none", Budget(steps=1))


def test_faces_that_all_look_one_way_and_very_few_of_them_are_trained_on(plain: People, tmp_path: Path) -> None:
    few = tuple(faces.subset(np.arange(8)) for faces in plain)
    for faces in few:
        faces.angles[:] = 30.0
    card = tiny(uniform_yaw="on").fit(*few, tmp_path, Budget(steps=1))
    assert card["faces"]["source"]["held_out"] >= 1


def test_a_model_of_another_method_or_that_does_not_fit_is_said(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds a df model, and liae is needed"):
        method_class("liae").load(trained, "cpu")
    card = json.loads((trained / "card.json").read_text())
    card.pop("weights_sha256")
    weights = {"encoder.body.1.weight": torch.zeros(3)}
    for change, said in (
        ({"size": 100}, "a model for 100 px, which does not fit its own recipe"),
        ({"recipe": {"size": 64}}, "no recipe that can be read"),
        ({}, "The weights in .* do not fit df"),
    ):
        save_checkpoint(tmp_path / "other", card | change, weights)
        with pytest.raises(InputError, match=said):
            method_class("df").load(tmp_path / "other", "cpu")


def test_a_model_of_the_first_version_is_still_read(looped: Looped, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "quick96"
    shutil.copytree(looped.workspace.model("quick96"), folder)
    card = json.loads((folder / "card.json").read_text())
    for later in ("recipe", "options", "start", "notes"):
        card.pop(later, None)
    model = method_class("quick96").load(looped.workspace.model("quick96"), "cpu")
    card.pop("weights_sha256")
    save_checkpoint(folder, card, {**model.network.state_dict(), **_textures(model)})
    faces = people_of(looped, model)[1]
    assert np.array_equal(rendered(method_class("quick96").load(folder, "cpu"), faces), rendered(model, faces))


def _textures(model: Any) -> dict[str, torch.Tensor]:
    parts = {f"texture.{who}.image": t.image for who, t in model.textures.items()}
    parts |= {f"texture.{who}.landmarks": t.landmarks for who, t in model.textures.items()}
    return {name: torch.from_numpy(value) for name, value in parts.items()}


def test_other_faces_and_a_used_up_budget_leave_the_model_and_what_it_says_it_saw(
    plain: People, trained: Path, tmp_path: Path
) -> None:
    import shutil

    folder, said = tmp_path / "df", Hearing()
    shutil.copytree(trained, folder)
    before = json.loads((folder / "card.json").read_text())
    fewer = (plain[0].subset(slice(0, 12)), plain[1])
    card = tiny().fit(*fewer, folder, Budget(steps=2), said)
    assert card["data"] == before["data"] and card["notes"] == before["notes"]
    assert (card["faces"], card["heldout"]) == (before["faces"], before["heldout"])
    assert any("faces of the source are others" in s and "budget is used up" in s for s in said.heard)
    later = tiny().fit(*fewer, folder, Budget(steps=3))
    assert later["data"]["source"] != before["data"]["source"] and "others than before" in later["notes"][0]
