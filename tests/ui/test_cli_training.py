"""``counterface train``: its options, what it says, and what it says when a model's files are damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from footage import STEPS, Looped, Said, counterface, tree

from datasets.trainingstate import STATE, backups
from datasets.workspace import Workspace
from synth.training import read_metrics
from ui.commands.training import method_options
from ui.services.trained import described

CPU = ("--device", "cpu", "-q")
NAME = "quick96"


@pytest.fixture
def workspace(looped: Looped, tmp_path: Path) -> Workspace:
    """A copy of the small workspace, trained for ``STEPS`` steps."""
    return looped.copy(tmp_path / "workspace")


def train(workspace: Workspace, *more: object, steps: int = STEPS) -> Said:
    return counterface("train", workspace.root, "--steps", steps, *more, *CPU)


def test_it_goes_on_says_where_it_is_and_keeps_a_backup(workspace: Workspace) -> None:
    model = workspace.model(NAME)
    assert list(backups(model)) == [STEPS]
    said = counterface("train", workspace.root, "--steps", STEPS + 3, "--device", "cpu")
    assert said.code == 0 and f"{STEPS + 3} steps" in said.out and "held-out SSIM" in said.out
    assert "s/step" in said.err and "rises again" in said.err
    assert list(backups(model)) == [STEPS, STEPS + 3]
    assert any("rises again" in note for note in json.loads((model / "card.json").read_text())["notes"])


@pytest.mark.slow
def test_a_backup_is_restored(workspace: Workspace) -> None:
    model = workspace.model(NAME)
    assert train(workspace, steps=STEPS + 3).code == 0
    assert train(workspace, "--restore", STEPS).code == 0
    assert json.loads((model / "card.json").read_text())["step"] == STEPS
    assert max(line["step"] for line in read_metrics(model)) == STEPS
    said = train(workspace, "--restore", "7")
    assert said.code == 2 and f"no backup of step '7' (there are: {STEPS}, {STEPS + 3})" in said.error
    said = train(workspace, "--restore", "last", "--force")
    assert said.code == 2 and "give one of them" in said.error


def cut(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def other_method(file: Path) -> None:
    from datasets.trainingstate import read_state, write_state

    header, tensors = read_state(file)
    write_state(file, header | {"identity": header["identity"] | {"method": "liae"}}, tensors)


def other_network(file: Path) -> None:
    from datasets.trainingstate import read_state, write_state

    header, tensors = read_state(file)
    write_state(file, header, {name: value for name, value in tensors.items() if "decoder" not in name})


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut, f"newest good backup is that of step {STEPS}.*--restore {STEPS}"),
        pytest.param(
            lambda file: file.write_bytes(b"garbage" * 99), f"damaged.*--restore {STEPS}", marks=pytest.mark.slow
        ),
        pytest.param(other_method, "is of the method liae, not quick96", marks=pytest.mark.slow),
        (other_network, "does not fit this network"),
    ],
)
def test_a_state_that_is_no_good_is_one_sentence_and_nothing_is_lost(
    workspace: Workspace, damage: Callable[[Path], None], said: str
) -> None:
    import re

    damage(workspace.model(NAME) / STATE)
    before = tree(workspace.root)
    answer = train(workspace, steps=STEPS + 1)
    assert answer.code == 2 and re.search(said, answer.error), answer.error
    assert tree(workspace.root) == before
    if damage is cut:
        assert train(workspace, "--restore", "last", steps=STEPS + 1).code == 0


@pytest.mark.parametrize("name", ["weights.safetensors", "card.json"])
@pytest.mark.slow
def test_a_damaged_model_is_said_and_training_writes_it_anew(workspace: Workspace, name: str) -> None:
    model = workspace.model(NAME)
    cut(model / name)
    said = counterface("merge", workspace.root, "--force", *CPU)
    assert said.code == 2 and f"state of its training (step {STEPS}) is whole: counterface train" in said.error
    assert train(workspace).code == 0
    assert counterface("merge", workspace.root, "--force", *CPU).code == 0
    cut(model / name)
    cut(model / STATE)
    said = counterface("merge", workspace.root, "--force", *CPU)
    assert said.code == 2 and f"--restore {STEPS}" in said.error


def test_other_options_than_it_was_begun_with_are_named(workspace: Workspace) -> None:
    before = tree(workspace.root)
    said = train(workspace, "--option", "size=64", steps=STEPS + 1)
    assert said.code == 2 and "size" in said.error
    said = train(workspace, "--option", "dims=ae=64", steps=STEPS + 1)
    assert said.code == 2 and "dims" in said.error
    assert tree(workspace.root) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--option", "nonsense=1"), "nonsense"),
        (("--option", "batch"), "not KEY=VALUE"),
        (("--option", "batch=2", "--option", "batch=3"), "given twice"),
        (("--option", "devices=2", "--devices", "2"), "given twice"),
        (("--precision", "7"), "no precision '7'"),
        (("--precision", "fp16"), "fp16 needs a CUDA GPU"),
        (("--devices", "4096"), "4096 devices were asked for"),
        (("--method", "deepest"), "no swap method"),
    ],
)
def test_options_that_cannot_be_are_one_sentence(workspace: Workspace, words: tuple[str, ...], said: str) -> None:
    before = tree(workspace.root)
    answer = train(workspace, *words, steps=STEPS + 1)
    assert answer.code == 2 and said in answer.error
    assert tree(workspace.root) == before


@pytest.mark.slow
def test_another_face_set_is_said_and_trained_on(workspace: Workspace) -> None:
    crops = sorted(workspace.faces("source").glob("*.png")) or sorted(workspace.faces("source").glob("*.jpg"))
    for crop in crops[:5]:
        crop.unlink()
    said = counterface("train", workspace.root, "--steps", STEPS + 2, "--device", "cpu")
    assert said.code == 0 and f"The faces of the source are others than before; from step {STEPS}" in said.err
    card = json.loads((workspace.model(NAME) / "card.json").read_text())
    assert any("faces of the source" in note for note in card["notes"])
    assert any(line.get("event") == "other faces" for line in read_metrics(workspace.model(NAME)))


def test_options_are_read_and_cards_without_a_measure_are_described() -> None:
    assert method_options(["a=1", "b = x=y "], {"from": "none"}) == {"from": "none", "a": "1", "b": "x=y"}
    card = {"step": 3, "seconds": 2.0, "device": "cpu", "method": "graphics"}
    assert described(card) == "3 steps in 2 s on cpu"
    assert described(card | {"heldout": {"destination": {"ssim": 0.5}}}).endswith("SSIM 0.500 (destination)")
    assert described(card, False) == "graphics is ready"


@pytest.mark.slow
def test_force_keeps_the_old_model_until_a_new_one_is_saved(workspace: Workspace) -> None:
    from datasets.trainingstate import step_on_disk

    model, before = workspace.model(NAME), tree(workspace.root)
    for words, said in (
        (("--from", workspace.root / "nowhere"), "holds no model to start from"),
        (("--devices", "4096"), "4096 devices"),
        (("--from", model), "is what --force replaces"),
    ):
        answer = train(workspace, "--force", *words, steps=1)
        assert answer.code == 2 and said in answer.error
        assert tree(workspace.root) == before
    # What a kill in between leaves: the old model set aside, the new one without a state.
    model.rename(model.with_name(f".{NAME}.old"))
    model.mkdir()
    assert workspace.models() == []
    assert train(workspace, "--force", "--precision", "7", steps=1).code == 2
    assert tree(workspace.root) == before
    assert train(workspace, "--force", steps=1).code == 0
    assert step_on_disk(model) == 1 and [path.name for path in model.parent.iterdir()] == [NAME]
    assert train(workspace, "--from", "none", steps=2).code == 2
    assert train(workspace, "--from", "base", steps=2).code == 0
