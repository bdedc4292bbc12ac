"""Report and dashboard in a real headless Chromium: they work, and nothing leaves the machine."""

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
from pathlib import Path
from typing import Any

import pytest

from datasets.workspace import Workspace
from evaluate.report import write_report
from ui.services.server import ADDRESS, command

pytestmark = pytest.mark.browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_SECONDS = 60
WAIT_SECONDS = 30
SIZES = ((1400, "light"), (420, "dark"))


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


class Watched:
    """A page that remembers what it asked for and what it complained about."""

    def __init__(self, browser: Any, width: int, scheme: str, offline: bool) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=offline, service_workers="block"
        )
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._console)

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def until(self, expression: str) -> None:
        """Wait for an expression to hold; asked from outside, since the report's own policy forbids eval inside."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not self.page.evaluate(expression):
            assert time.monotonic() < deadline, f"never came true: {expression}"
            self.page.wait_for_timeout(50)

    def leaving(self, *allowed: str) -> list[str]:
        return [url for url in self.requests if not url.startswith(("data:", "blob:", *allowed))]


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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def studio(made_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, folder = free_port(), tmp_path_factory.mktemp("studio")
    log: Path = folder / "log.txt"
    with log.open("wb") as out:
        server = subprocess.Popen(
            command(made_workspace.root, port), stdout=out, stderr=out, cwd=folder, env=os.environ
        )
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


def test_the_studio_moves_through_frames_and_talks_to_no_one(browser: Any, studio: str) -> None:
    watched = Watched(browser, 1400, "light", offline=False)
    page = watched.page
    page.goto(studio)
    page.get_by_text("clearly tells").first.wait_for()
    found = "[...document.querySelectorAll('.st-key-panels img')]"
    shown = f"{found}.length === 3 && {found}.every(i => i.complete && i.naturalWidth > 0)"
    watched.until(shown)
    before = page.evaluate(f"{found}.map(i => i.src)")
    heights = page.evaluate(f"{found}.map(i => i.getBoundingClientRect().height)")
    assert max(heights) - min(heights) < 1

    slider = page.get_by_role("slider", name="Frame")
    slider.focus()
    for _ in range(4):
        slider.press("ArrowRight")
    was = json.dumps(before)
    watched.until(f"{shown} && {found}.every((i, k) => i.src !== {was}[k])")

    page.get_by_text("Before and after").click()
    border = page.locator(".compare input")
    border.fill("80")
    assert page.locator(".compare").evaluate("e => e.style.getPropertyValue('--at')") == "80%"

    assert watched.complaints == []
    assert watched.leaving(studio) == []
    assert page.locator("[data-testid=stException]").count() == 0
    watched.context.close()
