"""What a training starts from, and how a base is made."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from footage import Looped
from portraits import hopper

from datasets.checkpoint import save_checkpoint
from datasets.errors import InputError, Refused
from synth.base import shipped, starting_weights
from synth.method import Budget
from synth.networks import Autoencoder
from synth.pretrain import Universal, pretrain
from synth.pretrain_faces import grouped

GROUND = {"basis": "public-domain", "reference": "portraits of scikit-image and matplotlib"}


def shapes(network: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


@pytest.fixture
def base(tmp_path: Path) -> tuple[Path, Universal]:
    torch.manual_seed(1)
    model = Universal()
    tensors = {name: value.half() for name, value in model.state_dict().items()}
    save_checkpoint(tmp_path / "base", {"kind": "base", "method": "quick96", "step": 7}, tensors)
    return tmp_path / "base", model


def test_both_decoders_start_as_the_one_of_the_base(base: tuple[Path, Universal]) -> None:
    folder, model = base
    network = Autoencoder()
    tensors, said = starting_weights("quick96", str(folder), shapes(network))
    assert set(tensors) == set(shapes(network)) and "7 steps" in said
    network.load_state_dict(tensors)
    for who in ("source", "destination"):
        for name, value in network.decoders[who].state_dict().items():
            assert torch.allclose(value, model.decoder.state_dict()[name].half().float())


def test_nothing_and_a_method_without_a_base_start_cold_and_say_so() -> None:
    assert starting_weights("quick96", "none", {}) == ({}, "started from nothing")
    tensors, said = starting_weights("no-such-method", "base", {})
    assert not tensors and "has no base" in said


def test_what_does_not_fit_is_said(base: tuple[Path, Universal], tmp_path: Path) -> None:
    folder, _ = base
    with pytest.raises(InputError, match=r"Nothing in .* fits hd128"):
        starting_weights("hd128", str(folder), {"encoder.body.1.weight": (3, 3)})
    with pytest.raises(InputError, match="holds no model to start from"):
        starting_weights("quick96", str(tmp_path / "nowhere"), {})
    save_checkpoint(tmp_path / "judge", {"kind": "detector"}, {"w": torch.zeros(1)})
    with pytest.raises(InputError, match="holds a detector"):
        starting_weights("quick96", str(tmp_path / "judge"), {})


def test_the_shipped_base_fits_all_of_quick96_and_says_what_it_learned_from() -> None:
    from datasets.checkpoint import load_checkpoint

    folder = shipped("quick96")
    assert folder is not None and sum(f.stat().st_size for f in folder.iterdir()) < 10e6
    card, _ = load_checkpoint(folder, "base")
    assert card["step"] > 0 and card["consent"]["basis"] and card["data"]["clip: people"] > 5
    assert card["quality"]["base"] > card["quality"]["likeness alone"]
    tensors, _ = starting_weights("quick96", "base", shapes(Autoencoder()))
    assert set(tensors) == set(shapes(Autoencoder()))


def test_pictures_are_grouped_by_folder_and_by_name(tmp_path: Path) -> None:
    for name in ("Ada_Lovelace_0001.jpg", "Ada_Lovelace_0002.jpg", "Emmy-3.png", "grace/a.jpg", "grace/b.jpg", "x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert {name: len(files) for name, files in grouped(tmp_path)} == {"Ada_Lovelace": 2, "Emmy": 1, "grace": 2}


@pytest.mark.slow
def test_a_base_is_pretrained_from_clips_and_pictures_and_goes_on(looped: Looped, tmp_path: Path) -> None:
    folder = tmp_path / "pictures" / "hopper"
    folder.mkdir(parents=True)
    face = hopper()
    for i in range(5):
        cv2.imwrite(str(folder / f"{i}.jpg"), cv2.convertScaleAbs(face[..., ::-1], alpha=0.8 + 0.1 * i))
    clips = [looped.workspace.clip("destination"), looped.workspace.clip("source")]

    def run(steps: int) -> dict:  # type: ignore[type-arg]
        return pretrain(
            clips, [folder.parent], tmp_path / "base", tmp_path / "work", Budget(steps=steps), GROUND, 1, device="cpu"
        )

    assert run(1)["step"] == 1
    card = run(3)
    assert card["step"] == 3 and card["data"]["clip: people"] == 2 and card["data"]["pictures: faces"] == 5
    assert 0 < card["quality"]["likeness alone"] <= 1 and np.isfinite(card["quality"]["base"])
    tensors, _ = starting_weights("quick96", str(tmp_path / "base"), shapes(Autoencoder()))
    assert set(tensors) == set(shapes(Autoencoder()))


def test_pretraining_without_a_ground_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="--basis"):
        pretrain([], [], tmp_path / "b", tmp_path / "w", Budget(steps=1), {})
