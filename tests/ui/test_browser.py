"""Report, side by side, quiz and the other pages in a real headless Chromium: they work, nothing leaves the machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from studiokit import Studio, Watched, chromium

from datasets.workspace import Workspace
from evaluate.report import write_report
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
SIZES = ((1400, "light"), (420, "dark"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def report(made_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> str:
    # A copy elsewhere, without its workspace: the page must not need what lies beside it.
    path = tmp_path_factory.mktemp("mailed") / "report.html"
    path.write_bytes(write_report(made_workspace).read_bytes())
    (made_workspace.result / "report.html").unlink()
    return path.as_uri()


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_the_report_works_alone_and_offline(browser: Any, report: str, width: int, scheme: str) -> None:
    watched = Watched(browser, width, scheme, offline=True)
    page = watched.page
    page.goto(report)
    watched.until("document.documentElement.dataset.ready === 'yes'")
    watched.until("[...document.querySelectorAll('video')].every(v => v.readyState >= 2)")
    assert page.locator("video").count() == 3
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the window"

    times = "[...document.querySelectorAll('video')].map(v => v.currentTime)"
    page.locator(".controls input").fill("0.5")
    watched.until(f"{times}.every(t => Math.abs(t - 0.5) < 0.02)")
    page.get_by_role("button", name="Play").click()
    watched.until(f"{times}.every(t => t > 0.6)")
    page.get_by_role("button", name="Pause").click()
    watched.until(f"Math.max(...{times}) - Math.min(...{times}) < 0.03")

    chart = page.locator("#scores svg.chart:visible")
    assert chart.count() == 1
    box = chart.bounding_box()
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.5)
    tip = page.locator("#scores .tip:visible")
    assert "Swap 0." in tip.inner_text() and "Original 0." in tip.inner_text()
    page.mouse.click(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.5)
    watched.until(f"{times}.every(t => t > 1.1)")

    assert watched.complaints == []
    assert watched.leaving("file:") == [] and len([u for u in watched.requests if u.startswith("file:")]) == 1
    watched.context.close()


@pytest.fixture(scope="module")
def studio(made_workspace: Workspace) -> Iterator[Studio]:
    """A studio of a workspace whose quiz has one clip."""
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
    started = Studio(
        made_workspace.root.parent, made_workspace.root, environment={"COUNTERFACE_STUDIO_FOLDERS": folders}
    )
    yield started
    started.end()
    (studio_home() / "sample-queued").unlink()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), pytest.param(1920, "dark", marks=pytest.mark.slow)])
def test_side_by_side_moves_through_frames_and_talks_to_no_one(
    browser: Any, studio: Studio, width: int, scheme: str
) -> None:
    watched = Watched(browser, width, scheme, offline=False)
    page = watched.page
    page.goto(studio.address)  # a workspace was named, so it is what is seen first
    watched.sees("clearly tells")
    pictures = page.locator(".player .view img:not(.over)")
    pictures.nth(2).wait_for()
    assert pictures.count() == 3 and all(pictures.nth(i).get_attribute("alt") for i in range(3))
    before = [pictures.nth(i).get_attribute("src") for i in range(3)]
    heights = pictures.evaluate_all("all => all.map(i => i.getBoundingClientRect().height)")
    assert max(heights) - min(heights) < 1

    slider = page.get_by_role("slider", name="Frame")
    slider.focus()
    for _ in range(4):
        slider.press("ArrowRight")
    page.locator(".player[data-index]").wait_for()
    watched.holds(lambda: all(pictures.nth(i).get_attribute("src") != before[i] for i in range(3)))

    # A click on the curve goes to that moment: its right end is the last frame.
    curve = page.locator(".player .chart svg")
    curve.scroll_into_view_if_needed()
    box = curve.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.99, box["y"] + box["height"] / 2)
    watched.holds(lambda: page.locator(".player").get_attribute("data-index") == "39")

    assert not page.locator(".player .over").first.is_visible()
    page.get_by_role("button", name="Swap mask").click()
    assert page.locator(".player .over").first.is_visible()
    page.get_by_role("button", name="Magnifier").click()
    page.locator(".player .view").first.hover()
    assert "matrix(3" in pictures.first.evaluate("e => getComputedStyle(e).transform")

    border = page.locator(".compare input")
    border.fill("80")
    assert page.locator(".compare").evaluate("e => e.style.getPropertyValue('--at')") == "80%"

    for tab in ("Meaning", "Training", "Making", "Marks", "Limits"):
        page.get_by_role("tab", name=tab).click()
        watched.settled()
    assert page.evaluate(FITS), "the page is wider than the window"
    assert page.locator("[data-testid=stException]").count() == 0
    assert watched.complaints == [] and watched.leaving(studio.address, studio.address.replace("http", "ws")) == []
    watched.context.close()


@pytest.mark.slow
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


@pytest.mark.slow
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
