"""``counterface dataset``: what others script against, exit codes and single sentences included."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from footage import counterface
from setkit import person, recipe, write_recipe

from datasets.labelledset import LabelledSet


def test_a_plan_is_said_and_nothing_made(built_set: Path, tmp_path: Path) -> None:
    file = built_set.parent / "clips" / "recipe.toml"
    said = counterface("dataset", "build", file, "-o", tmp_path / "set", "--plan", "--json", tmp_path / "plan.json")
    assert said.code == 0 and "Nothing was made." in said.out and not (tmp_path / "set").exists()
    figures = json.loads((tmp_path / "plan.json").read_text())
    assert (figures["real_clips"], figures["fakes"], figures["files"]) == (4, 2, 12)
    assert figures["bytes"] > 0 and figures["seconds"] > 0 and figures["units"]["render"] == 6


def test_build_again_goes_on(own_set: Path, built_set: Path) -> None:
    said = counterface(
        "dataset", "build", built_set.parent / "clips" / "recipe.toml", "-o", own_set, "--workers", 1, "-q"
    )
    assert said.code == 0 and "12 clips, 4 of them fakes" in said.out and said.err == ""


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (recipe(methods=['name = "nosuch"']), 2, "no swap method 'nosuch'"),
        (recipe().replace(person("tsa"), person("tsa", consent=False)), 3, "no consent record for tsa"),
        (
            recipe().replace("date = 2026-01-01", "date = 2020-01-01, expires = 2020-02-01", 1),
            3,
            "expired on 2020-02-01",
        ),
        (recipe().replace("date = 2026-01-01", "date = 2020-01-01, withdrawn = 2021-02-01", 1), 3, "withdrawn on 2021"),
        (recipe() + person("hop", '"moh.mp4"'), 2, "two people with the name hop"),
        (recipe() + person("eve", '"hop.mp4"'), 2, "is listed for hop and for eve"),
    ],
)
def test_bad_recipes_are_one_sentence(built_set: Path, tmp_path: Path, text: str, code: int, words: str) -> None:
    file = write_recipe(built_set.parent / "clips").with_name(f"{tmp_path.name}.toml")
    write_recipe(built_set.parent / "clips")
    file.write_text(text)
    said = counterface("dataset", "build", file, "-o", tmp_path / "set", "-q")
    assert said.code == code and words in said.error and not (tmp_path / "set").exists()


def test_audit_says_what_it_found_and_exits_1(own_set: Path, tmp_path: Path) -> None:
    said = counterface("dataset", "audit", own_set, "--workers", 1, "-q", "--json", tmp_path / "a.json")
    assert said.code == 0 and said.out.rstrip().endswith("Nothing was found.")
    assert "Nothing was found." in (own_set / "README.md").read_text()
    held = json.loads((tmp_path / "a.json").read_text())
    assert held["clean"] is True and {one["name"] for one in held["probes"]} >= {
        "metadata",
        "file sizes",
        "background",
        "mark",
    }
    (own_set / LabelledSet(own_set).clips[0].file).unlink()
    said = counterface("dataset", "audit", own_set, "--workers", 1, "-q")
    assert said.code == 1 and "FOUND (file)" in said.out and "is gone" in said.out
    assert "1 findings" in (own_set / "README.md").read_text()


def test_an_edited_manifest_is_one_sentence(own_set: Path, tmp_path: Path) -> None:
    (own_set / "clips.jsonl").write_text((own_set / "clips.jsonl").read_text().replace('"real"', '"fake"', 1))
    for command in (("audit", own_set), ("export", own_set, "--format", "dfdc", "-o", tmp_path / "out")):
        said = counterface("dataset", *command, "-q")
        assert said.code == 2 and "was changed since the manifest was written" in said.error
    assert not (tmp_path / "out").exists()


def test_export_and_import(built_set: Path, tmp_path: Path) -> None:
    said = counterface(
        "dataset", "export", built_set, "--format", "dfdc", "-o", tmp_path / "dfdc", "--level", "raw", "-q"
    )
    assert said.code == 0, said
    said = counterface("dataset", "import", tmp_path / "dfdc", "--format", "dfdc", "-o", tmp_path / "set", "-q")
    assert said.code == 0 and "6 clips, 2 of them fakes" in said.out
    again = counterface("dataset", "export", built_set, "--format", "dfdc", "-o", tmp_path / "dfdc", "-q")
    assert again.code == 2 and "exists already" in again.error
    forced = counterface("dataset", "export", built_set, "--format", "dfdc", "-o", tmp_path / "dfdc", "--force", "-q")
    assert forced.code == 0


@pytest.mark.slow
def test_no_pictures_of_a_face_whose_consent_is_gone(built_set: Path, tmp_path: Path) -> None:
    """A set whose records do not hold any more is not cut into pictures, nor shown on its card."""
    import shutil

    from datasets.manifest import read_faces, write_tables

    own = Path(shutil.copytree(built_set, tmp_path / "set"))
    data = LabelledSet(own)
    ended = {key: dict(record) | {"withdrawn": "2026-01-02"} for key, record in data.index.consent.items()}
    write_tables(own, data.clips, list(read_faces(own)), replace(data.index, consent=ended))
    (own / "strip.jpg").unlink()
    said = counterface(
        "dataset", "export", own, "--format", "deepfakebench", "-o", tmp_path / "out", "--level", "raw", "-q"
    )
    assert said.code == 3 and "was withdrawn on 2026-01-02" in said.error and not (tmp_path / "out").exists()
    assert counterface("dataset", "audit", own, "--workers", 1, "-q").code == 0
    assert not (own / "strip.jpg").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("export", "SET", "--format", "coco", "-o", "OUT"), "There is no format 'coco'"),
        (("export", "SET", "--format", "dfdc", "--level", "c11", "-o", "OUT"), "has no level c11"),
        (("export", "OUT", "--format", "dfdc", "-o", "OUT2"), "is no data set"),
        (("audit", "OUT"), "is no data set"),
        (("import", "SET", "--format", "dfdc", "-o", "OUT"), "holds nothing of the layout of DFDC"),
        (("import", "OUT", "--format", "dfdc", "-o", "OUT2"), "There is no folder"),
    ],
)
def test_wrong_input_is_one_sentence(built_set: Path, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    named = {"SET": built_set, "OUT": tmp_path / "out", "OUT2": tmp_path / "out2"}
    answer = counterface("dataset", *(named.get(word, word) for word in words), "-q")
    assert answer.code == 2 and said in answer.error and not list(tmp_path.iterdir())


def test_executors_are_named(built_set: Path, tmp_path: Path) -> None:
    file = built_set.parent / "clips" / "recipe.toml"
    said = counterface("dataset", "build", file, "-o", tmp_path / "set", "--executor", "slurm")
    assert said.code == 2 and "there are: local, ray" in said.error
    said = counterface("dataset", "build", file)
    assert said.code == 2 and "-o" in said.error


def test_a_detector_trains_on_a_data_set(built_set: Path, tmp_path: Path) -> None:
    """Its test part stays unseen."""
    from evaluate.labelledpairs import labelled_pairs

    data = LabelledSet(built_set)
    pairs = labelled_pairs(built_set)
    unseen = {data.path(clip.file) for clip in data.select("test")}
    assert pairs and not unseen & {path for pair in pairs for path in (pair.fake, pair.original)}
    assert all(pair.mask is not None and pair.mask.is_file() and pair.consent for pair in pairs)
    said = counterface(
        "detector", "train", built_set, "--steps", 2, "--batch", 2, "--size", 64, "--weights", "scratch",
        "--device", "cpu", "-o", tmp_path / "detector", "-q",
    )  # fmt: skip
    assert said.code == 0, said
