"""The matrix: which pairs stand in which row, nobody on both sides, and nothing done twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from footage import counterface

from datasets.errors import InputError, Refused
from detect.training import TrainSettings
from evaluate import matrix as module
from evaluate.clipset import LabelledClip
from evaluate.matrix import Matrix, MatrixSettings, Pair, pairs_of, tables
from evaluate.matrixreport import lines, picture
from evaluate.pictures import png


def pair(number: int, method: str, level: str, part: str) -> Pair:
    clips = [
        LabelledClip(
            Path(f"{method}{number}{fake}"), f"{method}{number}", fake, str(number), method=method, level=level
        )
        for fake in (True, False)
    ]
    return Pair(clips[0], clips[1], part)


PAIRS = [
    pair(number, method, level, "test" if number > 5 else "train")
    for method in ("graphics", "quick96", "reenact")
    for level in ("raw", "c23", "c40")
    for number in range(8)
]


def test_a_row_learns_from_its_own_and_is_tried_on_all() -> None:
    found = tables(PAIRS, most=4)
    assert {kind: len(rows) for kind, rows in found.items()} == {"methods": 3, "leave one out": 3, "compression": 3}
    for row in found["methods"]:
        assert {p.method for p in row.train} == {row.name} and {p.level for p in row.train} == {"c23"}
        assert len(row.train) == 4 and [name for name, _ in row.columns] == ["graphics", "quick96", "reenact"]
    for row, method in zip(found["leave one out"], ("graphics", "quick96", "reenact"), strict=True):
        assert method not in {p.method for p in row.train} and len(row.train) == 8
    for row in found["compression"]:
        assert {p.level for p in row.train} == {row.name}
        assert [{p.level for p in pairs} for _, pairs in row.columns] == [{"raw"}, {"c23"}, {"c40"}]
    for rows in found.values():
        for row in rows:
            assert all(p.part == "train" for p in row.train)
            assert all(p.part == "test" for _, pairs in row.columns for p in pairs)


def test_what_cannot_be_compared_is_said() -> None:
    one = [p for p in PAIRS if p.method == "graphics"]
    assert list(k for k, rows in tables(one).items() if rows) == ["compression"]
    with pytest.raises(InputError, match="nothing to compare"):
        tables([p for p in one if p.level == "raw"])
    for arguments, said in ((({"kinds": ["age"]}), "no table age"), (({"level": "c50"}), "no level 'c50'")):
        with pytest.raises(InputError, match=said):
            tables(PAIRS, **arguments)  # type: ignore[arg-type]


def test_a_data_sets_parts_are_kept_and_no_person_is_in_both(built_set: Path, tmp_path: Path) -> None:
    found = pairs_of([built_set], 0)
    people = [{p.fake.person for p in found if p.part == part} for part in ("train", "test")]
    assert people[0] and people[1] and not people[0] & people[1]
    (tmp_path / "real").mkdir()
    (tmp_path / "fake").mkdir()
    for name in "abc":
        for kind in ("real", "fake"):
            (tmp_path / kind / f"{name}.mp4").touch()
    with pytest.raises(Refused, match="on what ground"):
        pairs_of([tmp_path], 0)
    parts = pairs_of([tmp_path], 0, "research")
    assert {p.part for p in parts} == {"train", "test"} and {p.method for p in parts} == {tmp_path.name}


def test_rows_and_cells_are_made_once(built_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = TrainSettings(
        model="residual", options={"widths": [8, 8, 8, 8], "neck": 8}, steps=2, batch=2, device="cpu"
    )
    settings = MatrixSettings(training, size=64, frames=2, clips=1, draws=100)
    rows = tables(pairs_of([built_set], 0), ["compression"], most=1)["compression"]
    first = Matrix(tmp_path, settings).table(rows)
    assert first["rows"] == first["columns"] == ["raw", "c30"]
    assert all(0 <= value <= 1 for line in first["auc"] for value in line)

    def never(*said: Any, **more: Any) -> Any:
        raise AssertionError("it was there already")

    monkeypatch.setattr(module, "train_recipe", never)
    monkeypatch.setattr(module, "crops_of", never)
    assert Matrix(tmp_path, settings).table(rows) == first
    found = {"matrices": {"compression": first}}
    assert png(picture(found))[:4] == b"\x89PNG" and any("c30" in line for line in lines(found))


def test_the_command_asks_for_one_length(built_set: Path, tmp_path: Path) -> None:
    said = counterface("evaluate", "matrix", built_set, "-o", tmp_path / "m", "--steps", 3, "--minutes", 1)
    assert said.code == 2 and "not both" in said.error
