"""A round of the quiz, and the other pages, in a real headless Chromium; nothing leaves the machine."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from datasets.workspace import Workspace
from ui.services.quizclips import INDEX, VERSION, QuizClip, quiz_folder, stamp
from ui.services.server import ADDRESS, command

pytestmark = pytest.mark.browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
START_SECONDS = 60
PAGES = {
    "verify": "Three marks",
    "datasets": "Recipe (TOML)",
    "detectors": "comes with the program",
    "learn?part=score": "how many alarms are true",
    "learn?part=rules": "Two rules of this studio",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no browser is installed: none of {', '.join(BROWSERS)} is on the PATH")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install .[dev])")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def studio(made_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server beside a workspace whose quiz has one clip."""
    clip = QuizClip(
        "ab" * 32, str(made_workspace.result / "result.mp4"), "fake", "quick96", "only", 0.93, "manipulated",
        cues=({"sentence": "Its edges are softer than usual.", "odd": True, "picture": None},),
    )  # fmt: skip
    folder = quiz_folder(made_workspace.root)
    folder.mkdir(parents=True, exist_ok=True)
    held = {"version": VERSION, "stamp": stamp(made_workspace.root.resolve()), "clips": [asdict(clip)]}
    (folder / INDEX).write_text(json.dumps(held))
    with socket.socket() as free:
        free.bind((ADDRESS, 0))
        port = int(free.getsockname()[1])
    log = tmp_path_factory.mktemp("studio") / "log.txt"
    with log.open("wb") as out:
        line, near = command(None, port), made_workspace.root.parent
        server = subprocess.Popen(line, stdout=out, stderr=out, cwd=near, env=os.environ)
    try:
        address, deadline = f"http://{ADDRESS}:{port}", time.monotonic() + START_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None and time.monotonic() < deadline, log.read_text(errors="replace")
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=20)


class Watched:
    """A page that remembers what it asked for."""

    def __init__(self, browser: Any, studio: str) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 900}, service_workers="block")
        self.page = self.context.new_page()
        self.foreign: list[str] = []
        own = ("data:", "blob:", studio, studio.replace("http", "ws", 1))
        self.page.on("request", lambda one: None if one.url.startswith(own) else self.foreign.append(one.url))

    def fits(self) -> bool:
        said = "(m => m.scrollWidth <= m.clientWidth)(document.querySelector('[data-testid=stMain]'))"
        return bool(self.page.evaluate(said))


def test_a_round_from_guess_to_reveal(browser: Any, studio: str) -> None:
    watched = Watched(browser, studio)
    page = watched.page
    page.goto(f"{studio}/")  # the first page that a server shows
    page.locator("h1").first.wait_for()
    page.goto(f"{studio}/spot")
    page.get_by_text("Some of the clips on this page are AI-made").wait_for()
    page.locator(".clips video").wait_for()
    deadline = time.monotonic() + 30
    while not page.evaluate("document.querySelector('.clips video').readyState >= 2"):
        assert time.monotonic() < deadline, "the clip can be played"
        page.wait_for_timeout(100)
    assert page.get_by_text("quick96").count() == 0, "nothing is told before the answer"
    # By the keyboard alone.
    page.get_by_role("radio", name="Swapped", exact=True).focus()
    page.keyboard.press("Space")
    page.get_by_role("slider", name="How sure").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Answer").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Right: a face was swapped in it (method quick96).").wait_for()
    page.get_by_text("Its edges are softer than usual.").wait_for()
    assert watched.fits()
    page.get_by_role("tab", name="Scores").click()
    page.get_by_text("You: 100% right").wait_for()
    assert watched.foreign == [] and page.locator("[data-testid=stException]").count() == 0
    watched.context.close()


def test_the_other_pages_fit_and_talk_to_no_one(browser: Any, studio: str) -> None:
    watched = Watched(browser, studio)
    for path, said in PAGES.items():
        watched.page.goto(f"{studio}/{path}")
        watched.page.get_by_text(said).first.wait_for()
        assert watched.fits(), f"{path} is wider than the window"
        assert watched.page.locator("[data-testid=stException]").count() == 0, path
        assert watched.page.evaluate("[...document.images].every(i => i.alt || i.closest('[aria-hidden]'))"), path
    assert watched.foreign == []
    watched.context.close()


def test_answers_lie_beside_no_name(studio: str) -> None:
    file = Path(os.environ["COUNTERFACE_HOME"]) / "studio" / "quiz" / "rounds.jsonl"
    (answer,) = (json.loads(line) for line in file.read_text().splitlines())
    assert answer["guess"] == "fake" and 0.5 <= answer["confidence"] <= 1
    assert str(Path.home()) not in file.read_text()
