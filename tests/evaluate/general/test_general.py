"""The general detector's training: what is drawn, who is held out, and that what is written scores as its parts do."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from datasets.errors import InputError, Refused
from datasets.faces.align import head_pose
from datasets.faces.finder import make_finder
from datasets.progress import silent
from detect.cues.model import LARGE, is_fine
from detect.detector import build_model, load_detector
from evaluate.general import table as tables
from evaluate.general.assemble import (
    Member,
    competence_of,
    crossed_logits,
    judge_clips,
    said_of_clips,
    write_general,
)
from evaluate.general.bank import folds_of
from evaluate.general.cuefit import CUE_NAMES, Drawn, cue_model_of
from evaluate.general.making import EVERYTHING, MOSTLY, make_pair
from evaluate.general.portraits import Portrait, load_portraits, portrait_of, save_portraits
from evaluate.general.table import COLUMNS, Table, draw_clips, draw_pairs
from evaluate.general.train import parsed, train
from tests.portraits import astronaut, hopper

SMALL = {"widths": [8, 8, 8, 8], "neck": 8}


@pytest.fixture(scope="module")
def portraits() -> list[Portrait]:
    finder = make_finder("mediapipe")
    found = []
    for number, (picture, person) in enumerate([(astronaut(), "a"), (hopper(), "h")] * 3):
        lit = np.clip(picture * (1 - 0.05 * number) + 3 * number, 0, 255).astype(np.uint8)
        portrait = portrait_of(lit, finder, person, f"{person}.mp4" if number < 4 else "")
        assert portrait is not None
        found.append(portrait)
    finder.close()
    return found


@pytest.fixture(scope="module")
def file(portraits: list[Portrait], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("general") / "portraits.npz"
    save_portraits(path, portraits)
    return path


PART = tables.PART


@pytest.fixture(scope="module")
def small_parts() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "PART", 8)
        yield


@pytest.fixture(scope="module")
def drawn(file: Path, portraits: list[Portrait]) -> Table:
    tables._portraits[:] = portraits
    rows = [
        (made, portraits[i % 6])
        for i in range(48)
        if (made := make_pair(portraits, i % 6, np.random.default_rng(i), large=i >= 36)) is not None
    ]
    return tables._table(rows, "", tables.SIZE)


def test_portraits_are_kept_as_they_are(file: Path, portraits: list[Portrait]) -> None:
    for kept, one in zip(load_portraits(file), portraits, strict=True):
        assert np.array_equal(kept.image, one.image) and np.array_equal(kept.landmarks, one.landmarks)
        assert (kept.person, kept.clip, kept.side) == (one.person, one.clip, one.side)
        assert np.allclose(kept.angles, head_pose(one.landmarks).angles)


@pytest.mark.parametrize("seed", range(6))
def test_a_pair_differs_inside_its_mask_and_is_treated_alike(seed: int, portraits: list[Portrait]) -> None:
    made = make_pair(portraits, 2 * (seed % 3), np.random.default_rng(seed))
    again = make_pair(portraits, 2 * (seed % 3), np.random.default_rng(seed))
    assert made is not None and again is not None
    assert np.array_equal(made.fake, again.fake) and np.array_equal(made.real, again.real)
    assert made.real.shape == made.fake.shape and made.real.shape[:2] == made.mask.shape
    assert made.mask.min() >= 0 and made.mask.max() <= 1
    change = np.abs(made.fake.astype(float) - made.real).mean(2)
    inside, outside = made.mask > 0.9, made.mask < 0.01
    assert change[inside].mean() > 2 * change[outside].mean()
    x, y = made.landmarks[:, :2].mean(0).astype(int)
    assert made.mask[y, x] > 0.9
    assert np.ptp(made.landmarks[:, :2], axis=0).max() == pytest.approx(made.side, rel=0.05)


@pytest.mark.slow
def test_parts_that_are_there_are_not_drawn_again(file: Path, tmp_path: Path, small_parts: object) -> None:
    first = draw_clips(file, 1, 5, tmp_path, 1, silent)
    assert set(first.person) == {"a", "h"} and first.crops.shape[1:] == (2, tables.SIZE, tables.SIZE, 3)
    for name in np.unique(first.clip):
        assert len(set(first.kind[first.clip == name])) == 1
    whole = sorted(tmp_path.iterdir())
    before = whole[0].stat().st_mtime_ns
    whole[1].unlink()
    again = draw_clips(file, 1, 5, tmp_path, 1, silent)
    assert again.fingerprint() == first.fingerprint()
    assert whole[0].stat().st_mtime_ns == before


def test_no_faces_to_draw_from_is_said(file: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.npz"
    save_portraits(alone, [one for one in load_portraits(file) if not one.clip])
    with pytest.raises(InputError, match="No training pair"):
        draw_clips(alone, 1, 5, tmp_path / "clips", 1, silent)


def test_material_may_hold_no_large_face(file: Path, tmp_path: Path) -> None:
    assert len(draw_pairs(file, 0, 1, tmp_path, 1, silent, large=True)) == 0
    assert len(draw_clips(file, 0, 1, tmp_path, 1, silent, large=True)) == 0


def test_what_another_version_has_drawn_is_refused(drawn: Table, tmp_path: Path) -> None:
    held = {part.name: getattr(drawn, part.name) for part in fields(Table)}
    np.savez(tmp_path / "00000.npz", **(held | {"cues": drawn.cues[..., :-1]}))
    with pytest.raises(InputError, match="another version"):
        tables._load(tmp_path / "00000.npz")


def test_people_stay_together_and_folds_are_even() -> None:
    people = np.array([f"p{i}" for i in range(12) for _ in range(i + 1)])
    fold = folds_of(people, 3)
    assert all(len(set(fold[people == person])) == 1 for person in np.unique(people))
    sizes = np.bincount(fold, minlength=3)
    assert sizes.max() - sizes.min() <= 2


def test_a_detector_is_written_that_scores_as_its_parts(drawn: Table, tmp_path: Path) -> None:
    import torch

    torch.manual_seed(0)
    built = [build_model("residual", **SMALL) for _ in range(2)]
    cards = [
        {
            "architecture": {"name": "residual", "options": dict(one.options)},
            "normalisation": dict(one.normalisation),
            "initial_weights": one.initial_weights,
        }
        for one in built
    ]
    members = [Member(one.module.eval(), card) for one, card in zip(built, cards, strict=True)]
    fold = (drawn.person == "h").astype(int)
    close = drawn.of(drawn.side >= LARGE)
    learnt = Drawn(drawn.of(drawn.side < LARGE), drawn.of(drawn.side < LARGE), close)
    models = [cue_model_of(learnt.without([person]), 0) for person in ("a", "h")]
    assert set(learnt.without(["a"]).large.person) == {"h"}
    names = np.array([f"{person} {number // 3}" for number, person in enumerate(drawn.person)])
    clips = Table(drawn.crops, drawn.cues, drawn.person, names, drawn.kind, drawn.side)
    judged = judge_clips(clips, fold, members, models, silent)
    assert len(judged.labels) == 2 * len(np.unique(names)) and set(judged.but(0).fold) == {1}
    competence = competence_of(clips, fold, 0, members[0])
    assert competence.distance(members[0].of(drawn.crops[:, 0])[2]).shape == (len(drawn),)
    said = {"trained_on": "two portraits", "codecs": []}
    card = write_general(
        tmp_path / "small", "small", members, models[0], judged, competence, {"blinks": [0.0, 1.0]}, said
    )
    found = load_detector(tmp_path / "small", "cpu")
    assert found.card["scope"] == {"kind": "general"} and found.cue_names == CUE_NAMES
    crops, cues = (
        np.ascontiguousarray(drawn.crops[:3, 1]),
        drawn.cues[:3, 1][:, [COLUMNS.index(name) for name in CUE_NAMES]],
    )
    scores = found.score(crops, cues)
    alone = np.mean([member.of(crops)[0] for member in members], axis=0)
    assert scores.network == pytest.approx(alone, abs=1e-5)
    shares = card["cues"]["fusion"]
    wanted = shares["network"] * alone + shares["cues"] * models[0].logit(cues) + shares["offset"]
    assert scores.logit == pytest.approx(wanted, abs=1e-5)
    assert scores.heatmap is not None and scores.heatmap.shape[0] == 3
    assert found.clip_logit(scores.network, cues) is not None
    assert crossed_logits(judged).shape == judged.labels.shape
    answers = said_of_clips(judged)
    assert sorted(int(one.clip) for one in answers) == list(range(len(judged.labels)))
    assert all(0 <= one.probability <= 1 and one.label == judged.labels[int(one.clip)] for one in answers)  # type: ignore[operator]
    low, high = card["cue_ranges"]["features_over_outer_0"]
    assert low < high and card["cue_ranges"]["blinks"] == [0.0, 1.0]


def test_training_asks_for_a_ground(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    options = parsed([str(tmp_path), "-o", str(tmp_path / "out"), "--work", str(tmp_path / "work")])
    with pytest.raises(Refused, match="--consent"):
        train(options, silent)
    with pytest.raises(InputError, match="no clips"):
        train(SimpleNamespace(**{**vars(options), "consent": "research"}), silent)  # type: ignore[arg-type]


def test_pairs_are_drawn_of_clips_and_pictures(file: Path, tmp_path: Path, small_parts: object) -> None:
    found = tables.joined([_part(file)])
    assert len(found) == 8 and set(found.kind) <= {"other", "self"}
    assert found.crops.size == 0
    usual = [i for i, name in enumerate(COLUMNS) if not is_fine(name)]
    assert np.isfinite(found.cues[..., usual]).mean() > 0.8 and (found.side < LARGE).all()


def test_swaps_are_mostly_coarser_than_their_originals(portraits: list[Portrait]) -> None:
    def coarser(changes: dict[str, float]) -> float:
        rows = [
            (made, portraits[i % 6])
            for i in range(40)
            if (made := make_pair(portraits, i % 6, np.random.default_rng(i), changes=changes)) is not None
        ]
        detail = tables._table(rows, "", 0).cues[..., COLUMNS.index("skin_over_outer_0")]
        return float((detail[:, 1] < detail[:, 0]).mean())

    assert coarser(MOSTLY) > coarser(EVERYTHING) + 0.1


def test_large_faces_are_drawn_apart_and_measured_finely(portraits: list[Portrait]) -> None:
    made = [make_pair(portraits, i % 6, np.random.default_rng(i), large=True) for i in range(16)]
    rows = [(one, portraits[i % 6]) for i, one in enumerate(made) if one is not None and one.side >= LARGE]
    found = tables._table(rows, "", 0)
    finely = [i for i, name in enumerate(COLUMNS) if is_fine(name)]
    assert len(found) >= 3 and np.isfinite(found.cues[..., finely]).mean() > 0.8


def _part(file: Path) -> Table:
    tables._begin(file)
    return tables._pairs_of_part(3, False, MOSTLY, 0)


@pytest.mark.slow
def test_the_whole_of_a_table_is_drawn_in_processes(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Processes of their own don't know what other tests here made smaller.
    monkeypatch.setattr(tables, "PART", PART)
    found = draw_pairs(file, 300, 1, tmp_path, 2, silent)
    assert len(found) == 2 * PART and len(list(tmp_path.iterdir())) == 2
