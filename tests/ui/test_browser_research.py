"""A round of the quiz, and the other pages, in a real headless Chromium; nothing leaves the machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from studiokit import Studio, Watched, chromium

from datasets.workspace import Workspace
from ui.services.quizclips import INDEX, VERSION, QuizClip, quiz_folder, stamp
from ui.settings import studio_home

pytestmark = pytest.mark.browser

PAGES = {
    "verify": "Three marks",
    "datasets": "Add a method",
    "detectors": "comes with the program",
    "learn?part=score": "how many alarms are true",
    "learn?part=rules": "Two rules of this studio",
}
FITS = "(m => m.scrollWidth <= m.clientWidth)(document.querySelector('[data-testid=stMain]'))"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def studio(made_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio beside a workspace whose quiz has one clip."""
    clip = QuizClip(
        "ab" * 32, str(made_workspace.result / "result.mp4"), "fake", "quick96", "only", 0.93, "manipulated",
        cues=({"sentence": "Its edges are softer than usual.", "odd": True, "picture": None},),
    )  # fmt: skip
    folder = quiz_folder(made_workspace.root)
    folder.mkdir(parents=True, exist_ok=True)
    held = {"version": VERSION, "stamp": stamp(made_workspace.root.resolve()), "clips": [asdict(clip)]}
    (folder / INDEX).write_text(json.dumps(held))
    # The sample is not to be made for this: it counts as asked for already.
    (studio_home() / "sample-queued").touch()
    folders = json.dumps([str(made_workspace.root.parent)])
    started = Studio(made_workspace.root.parent, environment={"COUNTERFACE_STUDIO_FOLDERS": folders})
    yield started
    started.end()
    (studio_home() / "sample-queued").unlink()


def test_a_round_from_guess_to_reveal(browser: Any, studio: Studio) -> None:
    watched = Watched(browser, 1280, "light", offline=False)
    page = watched.page
    page.goto(f"{studio.address}/spot")
    watched.sees("Some of the clips on this page are AI-made")
    clip = page.locator(".clips video")
    clip.wait_for()
    watched.holds(lambda: clip.evaluate("video => video.readyState >= 2"))  # the browser plays it
    assert page.get_by_text("quick96").count() == 0, "nothing is told before the answer"
    watched.settled()
    # By the keyboard alone.
    page.get_by_role("radio", name="Swapped", exact=True).focus()
    page.keyboard.press("Space")
    page.get_by_role("slider", name="How sure").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Answer").focus()
    page.keyboard.press("Enter")
    watched.sees("Right: a face was swapped in it (method quick96).")
    watched.sees("Its edges are softer than usual.")
    assert page.evaluate(FITS), "the page is wider than the window"
    page.get_by_role("tab", name="Scores").click()
    watched.sees("You: 100% right")
    file = studio_home() / "quiz" / "rounds.jsonl"
    (answer,) = (json.loads(line) for line in file.read_text().splitlines())
    assert (answer["guess"], answer["machine"], answer["confidence"]) == ("fake", 0.93, 0.75)
    assert str(Path.home()) not in file.read_text(), "nothing of the machine or its user is kept"
    assert watched.leaving(studio.address) == [] and page.locator("[data-testid=stException]").count() == 0
    watched.context.close()


def test_the_other_pages_fit_and_talk_to_no_one(browser: Any, studio: Studio) -> None:
    watched = Watched(browser, 1280, "dark", offline=False)
    for path, said in PAGES.items():
        watched.page.goto(f"{studio.address}/{path}")
        watched.sees(said)
        assert watched.page.evaluate(FITS), f"{path} is wider than the window"
        assert watched.page.locator("[data-testid=stException]").count() == 0, path
        assert watched.page.evaluate("[...document.images].every(i => i.alt || i.closest('[aria-hidden]'))"), path
    assert watched.leaving(studio.address) == []
    watched.context.close()
