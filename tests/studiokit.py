"""A studio and a browser for the tests of pages: the real command, its worker, a headless Chromium that is watched."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

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
LONGEST_SECONDS = 240


@contextmanager
def chromium() -> Iterator[Any]:
    """A started browser; skips the test where there is none."""
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

    def holds(self, asked: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
        """Wait for something to be so."""
        deadline = time.monotonic() + seconds
        while not asked():
            assert time.monotonic() < deadline, "it never came true"
            self.page.wait_for_timeout(50)

    def settled(self) -> None:
        """Wait until the page's script has run to its end."""
        state = "document.querySelector('[data-test-script-state]')?.dataset.testScriptState"
        self.page.wait_for_timeout(150)
        self.until(f"{state} === 'notRunning'")

    def leaving(self, *allowed: str) -> list[str]:
        return [url for url in self.requests if not url.startswith(("data:", "blob:", *allowed))]

    def sees(self, words: str, seconds: float = WAIT_SECONDS) -> None:
        """Wait for words to be on the page."""
        self.page.get_by_text(words).first.wait_for(timeout=1000 * seconds)

    def press(self, name: str, seconds: float = WAIT_SECONDS) -> None:
        """Press a button when it can be pressed."""
        self.page.get_by_role("button", name=name).first.click(timeout=1000 * seconds)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Studio:
    """``counterface studio`` in a folder of its own, with its worker."""

    def __init__(self, folder: Path, workspace: Path | None = None, environment: dict[str, str] | None = None) -> None:
        self.port, self.folder = free_port(), folder
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = folder / "studio.log"
        self._line = [sys.executable, "-m", "ui.cli", "studio", "--port", str(self.port)]
        self._line += [str(workspace)] if workspace is not None else []
        self._environment = {**os.environ, **(environment or {})}
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self._line, stdout=out, stderr=out, cwd=self.folder, env=self._environment, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=5).close()
                return
            except (urllib.error.URLError, OSError):
                assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text(errors="replace")
                time.sleep(0.2)

    def children(self) -> dict[str, int]:
        """The processes that it started: their modules and numbers."""
        import psutil

        found = psutil.Process(self.process.pid).children()
        return {("worker" if "ui.jobs.worker" in child.cmdline() else "server"): child.pid for child in found}

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)
