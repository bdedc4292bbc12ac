"""Datasets, Detectors, Spot the fake, Verify and Learn, with what they show patched or small."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from pagekit import draw, ended, own_studio, text

from datasets.workspace import Workspace
from ui import jobs
from ui.services import lessons, methods, quiz, quizsources, recipes, sample, studies, verifying
from ui.services.album import Album, CueShot, Shot
from ui.services.quizclips import QuizClip


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own_studio(monkeypatch, tmp_path)
    monkeypatch.setattr(sample, "sample_job", lambda: None)


# -- Verify ----------------------------------------------------------------------------------------------------------


def test_verify_explains_itself_before_there_is_a_file() -> None:
    said = text(draw("verify"))
    assert "Content Credentials" in said and "never means authentic" in said


def test_verify_shows_the_answer_the_time_and_the_tree(made_workspace: Workspace) -> None:
    found = verifying.look(made_workspace.result / "result.mp4", "<b>result</b>.mp4")
    id = ended("verify", {"path": "x", "name": "y"}, found)
    app = draw("verify", job=id)
    said = text(app)
    assert "Marked by this studio" in said and "Where in time" in said and "What it was made from" in said
    assert "what was placed into it" in said and "what was edited" in said
    assert "&lt;b&gt;result" in said and "<b>result" not in said, "a file's name is text"


def test_verify_refuses_a_path_outside_the_allowed_folders() -> None:
    app = draw("verify", {"verify-way": "On this machine", "verify-path": "/etc/passwd"})
    assert "outside the folders" in text(app) and not app.button


# -- Datasets --------------------------------------------------------------------------------------------------------


def test_a_recipe_says_what_it_lacks_and_grows_by_the_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "known", lambda: {"graphics": False})
    app = draw("datasets")
    assert "a person and a method" in app.info[0].value and not app.error
    app.selectbox(key="method-name").set_value("graphics").run()
    app.button(key="add-method").click().run()
    assert not app.exception and "still needs a person" in app.info[0].value
    clip = tmp_path / "anna.mp4"
    clip.write_bytes(b"a clip")
    app.text_input(key="person-name").set_value("anna")
    app.text_area(key="person-clips").set_value(str(clip))
    app.text_input(key="person-reference").set_value("contract 7")
    next(button for button in app.button if button.label == "Add to the recipe" and button.form_id).click().run()
    assert not app.exception and not app.error
    assert str(clip) in app.text_area(key="recipe-text").value
    assert "two people" in app.warning[0].value


def test_a_plan_is_shown_and_only_then_is_there_a_build(monkeypatch: pytest.MonkeyPatch) -> None:
    text_of = recipes.with_method(recipes.START, "graphics")
    for name in ("anna", "bert"):
        text_of = recipes.with_person(text_of, name, [f"{name}.mp4"], "written", "7", dt.date.today())
    figures = {
        "real_clips": 2, "fakes": 4, "files": 18, "seconds": 600, "bytes": 12_000_000, "workers": 2,
        "words": ["name", "  2 real clips and 4 fakes", "Nothing was made."],
    }  # fmt: skip
    monkeypatch.setattr(recipes, "check_readable", lambda *_: None)
    monkeypatch.setattr(recipes, "plan", lambda *_: figures)
    app = draw("datasets", {"recipe-text": text_of})
    build = next(button for button in app.button if button.label == "Build")
    assert build.disabled
    next(button for button in app.button if button.label == "Plan").click().run()
    assert [metric.value for metric in app.metric] == ["2", "4", "18", "10 min", "12.0 MB"]
    next(button for button in app.button if button.label == "Build").click().run()
    (job,) = jobs.listing("dataset_build")
    assert job.payload["output"].endswith("datasets/my_set") and Path(job.payload["recipe"]).read_text() == text_of


def test_a_set_is_browsed_audited_and_exported(built_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(built_set.parent)
    app = draw("datasets", part="Browse", set=str(built_set))
    assert [metric.value for metric in app.metric][:3] == ["6", "4", "2"]
    assert "of 12 files" in text(app)
    app.multiselect(key="facet-label").set_value(["fake"]).run()
    assert not app.exception and "4 of 12 files" in text(app)
    assert "not audited yet" in text(draw("datasets", part="Audit", set=str(built_set)))
    app = draw("datasets", part="Export", set=str(built_set))
    next(button for button in app.button if button.label == "Export").click().run()
    assert jobs.listing("dataset_export")[0].payload["format"] == "ffpp"


def test_an_audit_is_said_with_its_findings_and_limits(own_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    probe = {"name": "metadata", "auc": 0.93, "interval": [0.9, 1.0], "verdict": "leak", "people_needed": 20}
    report = {
        "manifest": {}, "clips": 12, "findings": [{"kind": "shortcut", "sentence": "The classes can be told apart."}],
        "probes": [probe, probe | {"name": "mark", "auc": 0.5, "verdict": "cannot tell"}],
        "figures": {"seconds": 9.0, "mask_fit": {"least": 0.9, "median": 0.95}},
    }  # fmt: skip
    (own_set / "audit.json").write_text(json.dumps(report))
    monkeypatch.chdir(own_set.parent)
    said = text(draw("datasets", part="Audit", set=str(own_set)))
    assert "1 findings." in said and "told apart" in said and "was changed since" in said
    assert "0.93 · a leak" in said and "takes 20 people" in said


# -- Detectors -------------------------------------------------------------------------------------------------------


def test_the_shipped_detector_is_shown_with_its_figures_and_a_study(monkeypatch: pytest.MonkeyPatch) -> None:
    held: dict[str, Any] = {
        "clip": {"auc": 0.72}, "data": {"folder": "a set"},
        "reliability": {"clip": [{"count": 3, "said": 0.2, "seen": 0.3}]},
    }  # fmt: skip
    study = studies.Study(Path("s.json"), "detector", "faces-3", "2026-11-27", held)
    monkeypatch.setattr(studies, "found", lambda _: [study])
    app = draw("detectors")
    said = text(app)
    assert "faces-3" in said and "comes with the program" in said and "Clip AUC" in said and "Measured on a set" in said
    assert len(app.get("plotly_chart")) == 1


def test_what_was_not_compared_is_said_with_its_command() -> None:
    app = draw("detectors", part="Compare")
    assert [code.value.split()[2] for code in app.code] == ["matrix", "robustness"]


def test_a_training_is_queued_with_what_was_chosen(tmp_path: Path) -> None:
    clip = tmp_path / "real.mp4"
    clip.write_bytes(b"a clip")
    app = draw("detectors", part="Train")
    app.text_area(key="train-more").set_value(str(clip)).run()
    app.text_input(key="train-name").set_value("faces-3").run()
    next(button for button in app.button if button.label == "Train").click().run()
    assert "There is a detector faces-3" in text(app) and not jobs.listing("detector_train")
    app.text_input(key="train-name").set_value("mine").run()
    next(button for button in app.button if button.label == "Train").click().run()
    (job,) = jobs.listing("detector_train")
    assert not app.exception and job.payload["inputs"] == [str(clip)] and job.payload["consent"] == "self"


# -- Spot the fake ---------------------------------------------------------------------------------------------------


@pytest.fixture
def one_clip(made_workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> QuizClip:
    clip = QuizClip(
        "ab" * 32, str(made_workspace.result / "result.mp4"), "fake", "quick96", "g", 0.93, "cannot tell",
        (), ("The face is small.",), (), ({"sentence": "Its edges are softer.", "odd": True, "picture": None},),
    )  # fmt: skip
    monkeypatch.setattr(quizsources, "sources", lambda: [quizsources.Source(made_workspace.root, "The sample")])
    monkeypatch.setattr("ui.pages.spot.ready", lambda _: [clip])
    return clip


def test_a_round_goes_from_guess_to_reveal_and_into_the_scores(one_clip: QuizClip) -> None:
    app = draw("spot")
    said = text(app)
    assert "AI-made" in said and "93" not in said and "quick96" not in said, "nothing is told before the answer"
    app.button[0].click().run()
    assert "Choose one" in text(app) and quiz.rounds() == []
    app.radio[0].set_value("Not swapped")
    app.slider[0].set_value(80)
    app.button[0].click().run()
    assert not app.exception
    said = text(app)
    assert "Not so: a face was swapped in it (method quick96)." in said and "93" in said and "softer" in said
    (kept,) = quiz.rounds()
    assert (kept.guess, kept.confidence, kept.machine, kept.player) == (
        "real",
        0.8,
        0.93,
        app.query_params["player"],
    )
    app.button[0].click().run()
    assert "You had 0 of 1 right" in text(app) and "could not tell 1 times" in text(app)


def test_clips_are_made_when_asked_for(one_clip: QuizClip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.pages.spot.ready", lambda _: [])
    app = draw("spot")
    next(button for button in app.button if button.label == "Make the clips").click().run()
    assert not app.exception and jobs.listing("quiz_clips")[0].state == "queued"


# -- Learn -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_album(made_workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Album:
    preview = next((made_workspace.model("quick96") / "previews").glob("*.jpg"))
    (tmp_path / "one.jpg").write_bytes(preview.read_bytes())
    shot = Shot("one.jpg", "A caption", "What it shows")
    keys = [step.key for step in lessons.steps("a", "b", (1, 9))]
    cue = CueShot("detail", "Fine detail", "Why.", shot, shot, "Weaker than usual.", "As is usual.", True)
    held = Album(tmp_path, 1.0, 25, "Hopper", "Collins", {key: (shot,) for key in keys}, (cue,), (10, 1500), (0.9, 0.1))
    monkeypatch.setattr("ui.pages.learn.album.opened", lambda _: held)
    return held


def test_every_step_is_shown_with_pictures_that_say_what_they_show(small_album: Album) -> None:
    said = text(draw("learn"))
    steps = lessons.steps(small_album.source, small_album.destination, small_album.steps)
    assert all(f"{number} · {step.title}" in said for number, step in enumerate(steps, 1))
    assert said.count('alt="What it shows"') == len(steps) and "1,490 steps" in said


def test_traces_are_said_of_swap_and_original(small_album: Album) -> None:
    said = text(draw("learn", part="traces"))
    assert "Weaker than usual" in said and "As is usual" in said


def test_the_small_calculation_follows_its_sliders() -> None:
    app = draw("learn", part="score")
    assert "Of 59 clips that are called fake, 9 are" in text(app)
    app.select_slider(key="rare").set_value(2).run()
    assert not app.exception and "a score of 90 % means 90" in text(app)


def test_the_rules_are_dated_and_no_advice() -> None:
    said = text(draw("learn", part="rules"))
    assert "No face without a ground" in said and lessons.WRITTEN in said and "not to advise" in said


def test_the_pictures_are_made_by_a_job_once() -> None:
    draw("learn")
    draw("learn")
    assert len(jobs.listing("learn_album")) == 1
