"""When the whole loop makes a model anew, and when it leaves it alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from footage import STEPS, Looped

import synth.pipeline
from datasets.workspace import Workspace
from synth.method import Budget
from ui.console import Console
from ui.services import loop


class Reached(Exception):
    """The loop came as far as the merge."""


@pytest.fixture
def workspace(looped: Looped, tmp_path: Path) -> Workspace:
    return looped.copy(tmp_path / "workspace")


def trained_by_loop(workspace: Workspace, method: str, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the loop trains, and each time whether anew; the training itself and all that follows is left out."""
    calls: list[bool] = []

    def train(*given: Any) -> dict[str, Any]:
        calls.append(given[4])
        return {"step": 0, "seconds": 0.0, "device": "cpu"}

    def reached(*given: Any) -> bool:
        raise Reached

    with monkeypatch.context() as patch:
        patch.setattr(synth.pipeline, "train", train)
        patch.setattr(loop, "_fresh", reached)
        patch.setattr("datasets.checkpoint.read_card", lambda folder: {})
        with pytest.raises(Reached), Console(True) as console:
            loop.whole_loop(workspace, method, Budget(steps=STEPS), "cpu", console)
    return calls


def drop_a_crop(workspace: Workspace) -> None:
    min(path for path in workspace.faces("source").iterdir() if path.suffix in (".png", ".jpg")).unlink()


@pytest.mark.slow
def test_a_trained_model_is_trained_anew_when_its_faces_are_others(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trained_by_loop(workspace, "quick96", monkeypatch) == []
    drop_a_crop(workspace)
    assert trained_by_loop(workspace, "quick96", monkeypatch) == [True]
    then = synth.pipeline.faces_of(workspace.model("quick96"))
    synth.pipeline.train(workspace, "quick96", Budget(steps=STEPS), "cpu")
    assert synth.pipeline.faces_of(workspace.model("quick96")) == then, "no step was taken on the faces of now"
    synth.pipeline.train(workspace, "quick96", Budget(steps=STEPS + 1), "cpu")
    assert trained_by_loop(workspace, "quick96", monkeypatch) == []


def test_a_method_without_training_is_made_once_for_the_same_faces(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trained_by_loop(workspace, "self-blend", monkeypatch) == [False]
    synth.pipeline.train(workspace, "self-blend", Budget(), "cpu", options={"variant": 2})
    assert trained_by_loop(workspace, "self-blend", monkeypatch) == []
    drop_a_crop(workspace)
    assert trained_by_loop(workspace, "self-blend", monkeypatch) == [True]
