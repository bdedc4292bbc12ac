"""counterface detector train: what it takes, what it asks for, and what it says when that will not do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from footage import Looped, counterface, living, write_clip

from datasets.facebank import FaceBank
from detect.recipes.paired import PairSample
from evaluate.detectortraining import Given, held_people, parted, people_groups
from evaluate.labelledpairs import is_labelled, labelled_pairs

CPU = ("--device", "cpu", "-q", "--weights", "scratch")
SHORT = ("--steps", 2, "--size", 64, "--batch", 2, *CPU)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for name in ("hopper", "astronaut"):
        write_clip(folder / f"{name}.mp4", living(name)[:12])
    return folder


def test_real_clips_alone_do_with_a_ground(clips: Path, tmp_path: Path) -> None:
    said = counterface("detector", "train", clips, "--consent", "public-domain", "-o", tmp_path / "d", *SHORT)
    assert said.code == 0, said.err
    card = json.loads((tmp_path / "d" / "card.json").read_text())
    assert card["recipe"] == "self-blend" and card["scope"] == {"kind": "general"} and card["step"] == 2
    assert card["people"] == {"training": 1, "held_out": 1} and card["consent"][0]["basis"] == "public-domain"
    assert card["input"]["size"] == 64 and "self-blends of 2 people" in card["trained_on"]
    assert not (tmp_path / "d" / "unfinished").exists()
    again = counterface("detector", "train", clips, "--consent", "public-domain", "-o", tmp_path / "d", *SHORT)
    assert again.code == 2 and "exists already" in again.error


def test_faces_are_not_used_without_a_ground(clips: Path, tmp_path: Path) -> None:
    said = counterface("detector", "train", clips, "-o", tmp_path / "d", *SHORT)
    assert said.code == 3 and "--consent" in said.error
    assert not (tmp_path / "d").exists()


@pytest.mark.slow
def test_several_workspaces_and_clips_are_mixed(looped: Looped, clips: Path, tmp_path: Path) -> None:
    said = counterface(
        "detector", "train", looped.workspace.root, clips, "--consent", "public-domain", "-o", tmp_path / "d", *SHORT
    )
    assert said.code == 0, said.err
    card = json.loads((tmp_path / "d" / "card.json").read_text())
    assert card["recipe"] == "mixed" and card["pairs"]["held_out"] > 0 and card["faces"]["held_out"] > 0
    # One swap alone cannot be parted by its people: its later part is held out, and the card says so.
    assert "later parts of the same clips" in card["calibrated_on"]
    assert {record["role"] for record in card["consent"]} == {"source", "destination"}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("--recipe", "paired"), "needs swaps with their originals"),
        (("--recipe", "other"), "no recipe 'other'; there are: mixed, paired, self-blend"),
        (("--model", "other"), "no detector model 'other'"),
        (("--backbone", "other"), "no backbone 'other'"),
        (("--model", "residual", "--backbone", "resnet10t"), "has no --backbone"),
        (("--optimizer", "other"), "no optimiser 'other'"),
        (("--precision", "8"), "no precision '8'"),
        (("--precision", "fp16"), "fp16 needs a CUDA GPU"),
        (("--size", "65"), "even side"),
        (("--coverage", "0.5"), "coverage above 1"),
        (("--minutes", "1"), "--steps or --minutes"),
        (("--consent", "nonsense"), "neither a basis"),
    ],
)
def test_what_cannot_be_is_one_sentence(words: tuple[str, ...], wanted: str, clips: Path, tmp_path: Path) -> None:
    base = ("--consent", "public-domain", "-o", tmp_path / "d", "--steps", 2, "--device", "cpu", "-q")
    said = counterface("detector", "train", clips, *base, *words)
    assert said.code == 2 and wanted in said.error
    assert not (tmp_path / "d" / "card.json").exists()


def test_bad_footage_is_one_sentence(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes((clips / "hopper.mp4").read_bytes()[:900])
    (tmp_path / "notes.txt").write_text("x")
    base = ("--consent", "public-domain", "-o", tmp_path / "d", *SHORT)
    for given, wanted in (
        ([tmp_path / "nothing.mp4"], "nothing.mp4"),
        ([tmp_path / "broken.mp4", clips], "broken.mp4"),
        ([tmp_path / "notes.txt"], "neither a clip nor a picture"),
        ([clips / "hopper.mp4"], "two or more"),
    ):
        said = counterface("detector", "train", *given, *base)
        assert said.code == 2 and wanted in said.error


def test_options_of_a_general_detector_are_not_for_one_workspace(looped: Looped, tmp_path: Path) -> None:
    said = counterface("detector", "train", looped.workspace.root, "--model", "spectrum", "-o", tmp_path / "d", *CPU)
    assert said.code == 2 and "one workspace" in said.error


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A folder with a swap and its original of each of two people."""
    from datasets.labelled import treat, write_labelled, write_original
    from datasets.provenance.consent import from_option
    from datasets.provenance.writer import Ingredient, Making

    folder = tmp_path / "labelled"
    folder.mkdir()
    for name in ("hopper", "astronaut"):
        clip = write_clip(tmp_path / f"{name}.mp4", living(name)[:10])
        files = (Ingredient(clip, name, "parentOf"), Ingredient(clip, f"somebody for {name}", "componentOf"))
        consent = from_option("public-domain", name, name)
        making = Making(f"{name}-fake.mp4", "a method", consent, files, {"seed": 1}, "swap")
        path = treat(clip)

        def swapped(image: np.ndarray) -> np.ndarray:
            made = image.copy()
            made[80:180, 80:180] = made[80:180, 80:180][:, ::-1] // 2 + 60
            return made

        write_labelled(folder / f"{name}-fake.mp4", path, making, (swapped(f.image) for f in path.frames()))
        write_original(folder / f"{name}-real.mp4", path, making)
    return folder


def test_a_labelled_folder_gives_pairs(labelled: Path, tmp_path: Path) -> None:
    """What the Credentials say is believed: which clip is the fake, and which the original of the same footage."""
    assert is_labelled(labelled) and not is_labelled(tmp_path / "nothing")
    found = labelled_pairs(labelled)
    assert {(p.fake.name, p.original.name, p.footage) for p in found} == {
        (f"{n}-fake.mp4", f"{n}-real.mp4", n) for n in ("hopper", "astronaut")
    }
    for file in labelled.glob("*-real.mp4"):
        file.unlink()
    shutil.copy(tmp_path / "hopper.mp4", labelled / "plain.mp4")
    assert not is_labelled(labelled)


@pytest.mark.slow
def test_a_labelled_folder_is_trained_on(labelled: Path, tmp_path: Path) -> None:
    said = counterface("detector", "train", labelled, "-o", tmp_path / "d", *SHORT)
    assert said.code == 0, said.err
    card = json.loads((tmp_path / "d" / "card.json").read_text())
    assert card["recipe"] == "paired" and card["people"] == {"training": 1, "held_out": 1}
    assert card["consent"] and "people who are in no training batch" in card["calibrated_on"]


def test_whoever_is_in_one_swap_stays_on_one_side() -> None:
    from evaluate.labelledpairs import LabelledPair

    def pair(footage: str, source: str) -> LabelledPair:
        return LabelledPair(Path("f"), Path("o"), footage, source)

    groups = people_groups(Given(labelled=[pair("a", "b"), pair("c", "b"), pair("d", "e"), pair("e", "f")]))
    assert groups["a"] == groups["b"] == groups["c"] != groups["d"] == groups["e"] == groups["f"]
    held = held_people({groups["a"], groups["d"]}, {"x", "y", "z", groups["a"]}, 0)
    assert len(held & {groups["a"], groups["d"]}) == 1 and len(held & {"x", "y", "z"}) == 1


def test_faces_of_people_who_are_all_in_one_swap_are_parted_by_time() -> None:
    """Clip by clip, as the pairs are, whenever a clip begins; pictures have no time and stay in the training."""
    times = np.array([10.0, 11.0, 12.0, 13.0, 0.0, 100.0, 0.0, 0.0])
    sources = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    people = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    crops, points = [np.zeros((8, 8, 3), np.uint8)] * 8, np.zeros((8, 478, 2), np.float32)
    bank = FaceBank(crops, points, people, ("a", "b"), times, np.ones(8), np.ones(8), sources, 8, 1.6)
    empty = np.zeros(0)
    pairs = [PairSample(empty, empty, empty, time, "clip", person="a") for time in (10.0, 11.0, 13.0)]
    found = parted(pairs, bank, set(), 1.6)
    assert [pair.time for pair in found.pairs] == [10, 11] and [pair.time for pair in found.held_pairs] == [13]
    assert found.faces is not None and found.held_faces is not None and "later parts" in found.held_words
    assert found.faces.times.tolist() == [10, 11, 12, 0, 0, 0] and found.held_faces.times.tolist() == [13, 100]
    apart = parted(pairs, bank, {"b"}, 1.6)
    assert apart.held_faces is not None and set(apart.held_faces.people.tolist()) == {1}
    by_people = parted([*pairs, PairSample(empty, empty, empty, 0.0, "d", person="c")], bank, {"c"}, 1.6)
    assert "people who" in by_people.held_words and "later parts" in by_people.held_words
