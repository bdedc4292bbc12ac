"""``counterface evaluate``: what its commands write, and what they say where something is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from footage import Looped, counterface

COMMANDS = ("swap", "detector", "matrix", "robustness", "trajectory", "people")


def test_every_command_explains_itself() -> None:
    for name in COMMANDS:
        said = counterface("evaluate", name, "--help")
        assert said.code == 0 and "Usage" in said.out


def test_a_detector_is_measured_once_and_shown(looped: Looped, tmp_path: Path) -> None:
    root, page, picture, table = looped.workspace.root, tmp_path / "d.html", tmp_path / "d.png", tmp_path / "d.json"
    asked = ["evaluate", "detector", root, root, "--frames", 2, "--workers", 1, "--device", "cpu", "--draws", 100]
    asked += ["--cache", tmp_path / "scores.jsonl", "-q"]
    said = counterface(*asked, "--report", page, "--picture", picture, "--json", table)
    assert said.code == 0, said
    held = json.loads(table.read_text())
    assert {"frame", "clip", "ece", "by_method", "by_compression", "n_clips", "intervals"} <= set(held)
    assert held["n_clips"] == 2 and held["study"] == "detector" and held["hashes"]["the detector"]
    assert "clip: AUC" in said.out and "method quick96" in said.out
    assert "://" not in page.read_text() and picture.read_bytes()[:4] == b"\x89PNG"
    kept = (tmp_path / "scores.jsonl").read_bytes()
    again = counterface(*asked)
    assert again.out == said.out.replace(f"report: {page}\n", "") and (tmp_path / "scores.jsonl").read_bytes() == kept


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("detector", "nobody", "."), "There is no detector 'nobody'"),
        (("detector", "faces-3", "nowhere"), "There is no folder nowhere"),
        (("detector", "faces-3", ".", "--picture", "x.gif"), "must end in .png"),
        (("robustness", "faces-3", "nowhere"), "There is no folder nowhere"),
        (("matrix", "nowhere", "-o", "out"), "There is no folder nowhere"),
        (("people", "nowhere.jsonl"), "cannot be read"),
        (("trajectory", "nowhere"), "nowhere"),
    ],
)
def test_errors_are_a_sentence(arguments: tuple[str, ...], said: str) -> None:
    answer = counterface("evaluate", *arguments)
    assert answer.code == 2 and said in answer.error
