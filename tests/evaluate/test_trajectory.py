"""The pair over time: made from snapshots after the fact, and nothing that trains a swap can see a score."""

from __future__ import annotations

import ast
import json
import typing
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from footage import STEPS, Looped, counterface
from loopkit import STEPS as LOOP_STEPS
from loopkit import batches, go, run_in, weights

from datasets.errors import InputError
from datasets.progress import Progress
from datasets.provenance.reading import read_credentials
from datasets.video import read_picture
from datasets.workspace import Workspace
from evaluate.trajectory import models_by_step
from synth.method import Budget, SwapMethod, method_class
from synth.snapshots import chosen_steps, drop_after, snapshots
from synth.training import Run

ROOT = Path(__file__).parents[2]
PACKAGES = ("datasets", "synth", "detect", "evaluate", "ui", "benchmarks")


def modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value  # what import_module could be given


def file_of(name: str) -> Path | None:
    place = ROOT.joinpath(*name.split("."))
    if name.split(".")[0] not in PACKAGES:
        return None
    return next((f for f in (place.with_suffix(".py"), place / "__init__.py") if f.is_file()), None)


def test_nothing_that_synth_reaches_knows_of_a_score() -> None:
    """The whole import graph, lazy imports and names in strings too: from synth it leads to datasets alone."""
    waiting, seen = sorted((ROOT / "synth").rglob("*.py")), set[Path]()
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        waiting += [found for name in modules(ast.parse(file.read_text())) if (found := file_of(name))]
    reached = {file.relative_to(ROOT).parts[0] for file in seen}
    assert reached == {"synth", "datasets"}, sorted(str(f) for f in seen if f.parts[len(ROOT.parts)] not in reached)


def test_whoever_listens_to_a_training_gives_nothing_back() -> None:
    """Progress, previews and snapshots are told; what they might answer has no type and no use."""
    for function, names in ((SwapMethod.fit, ("show",)), (Run.train, ("show", "snapshot"))):
        hints = typing.get_type_hints(function, vars(import_module(function.__module__)))
        for name in names:
            (listener,) = (kind for kind in typing.get_args(hints[name]) if kind is not type(None))
            assert typing.get_args(listener)[-1] in (None, type(None)), f"{name} of {function.__qualname__}"
    assert typing.get_type_hints(Progress.__call__)["return"] is type(None)


def test_answers_of_listeners_change_no_weight(tmp_path: Path) -> None:
    plain = go(run_in(tmp_path / "plain"))
    kept: list[int] = []

    def score(step: int) -> Any:
        kept.append(step)
        return 1e9

    told = run_in(tmp_path / "told")
    told.snapshots = chosen_steps("auto")

    def loss_of(batch: Any) -> Any:
        return (told.model(batch[0]) - batch[1]).square().mean()

    told.train(
        batches, loss_of, Budget(LOOP_STEPS), lambda *said: 1e9, lambda: {"ssim": 0.5}, score, 0.0, snapshot=score
    )  # type: ignore[arg-type]
    assert {0, 10, 20} <= set(kept) and LOOP_STEPS in kept
    assert all((one == other).all() for one, other in zip(weights(plain), weights(told), strict=True))


def test_steps_are_chosen_by_number_alone() -> None:
    auto = chosen_steps("auto")
    assert [step for step in range(1300) if step in auto] == [0, 10, 20, 50, 100, 200, 500, 1000]
    assert [step for step in range(300) if step in chosen_steps("0, 7,250")] == [0, 7, 250]
    assert 0 not in chosen_steps("none")
    with pytest.raises(InputError, match="snapshots is auto, none"):
        chosen_steps("often")


@pytest.fixture(scope="module")
def learned(looped: Looped, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the small workspace."""
    return looped.copy(tmp_path_factory.mktemp("learned") / "workspace")


def test_a_snapshot_loads_like_the_model(learned: Workspace) -> None:
    found = models_by_step(learned, "quick96")
    assert min(found) == 0 and max(found) == STEPS and found[STEPS] == learned.model("quick96")
    first = method_class("quick96").load(found[0], "cpu")
    assert first.size == method_class("quick96").size
    card = json.loads((found[0] / "card.json").read_text())
    assert card["snapshot"] and card["step"] == 0 and card["weights_precision"] == "16 bit"


@pytest.mark.slow
def test_the_curve_has_a_step_a_snapshot_with_its_marked_frame(learned: Workspace, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    asked = ("evaluate", "trajectory", learned.root, "--detector", learned.root, "--device", "cpu", "-q")
    said = counterface(*asked, "--report", page)
    assert said.code == 0, said
    held = json.loads((learned.result / "trajectory.json").read_text())
    (name,) = [one["name"] for one in held["detectors"]]
    assert [row["step"] for row in held["steps"]] == list(models_by_step(learned, "quick96"))
    for row in held["steps"]:
        assert 0 <= row["scores"][name]["probability"] <= 1 and row["weights_sha256"]
        assert -1 <= row["scores"][name]["detectability"] <= 1
        found = read_credentials(learned.result / row["frame"])
        assert found.by_studio and found.synthetic
    assert read_credentials(learned.result / held["picture"]).synthetic
    assert read_picture(learned.result / held["picture"]).shape[1] > 300 and "://" not in page.read_text()
    before = (learned.result / "trajectory" / "scores.jsonl").read_bytes()
    assert counterface(*asked).code == 0
    assert (learned.result / "trajectory" / "scores.jsonl").read_bytes() == before


def test_a_training_without_snapshots_is_said_with_what_to_do(learned: Workspace) -> None:
    model = learned.model("quick96")
    drop_after(model, -1)
    assert not snapshots(model)
    said = counterface("evaluate", "trajectory", learned.root)
    assert said.code == 2 and "left no snapshots" in said.error and "--force" in said.error
