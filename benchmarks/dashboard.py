"""First paint of a warm server, slider to new frame, and the server's memory over 200 interactions.

    python -m benchmarks.dashboard [WORKSPACE]

Needs a Chromium on the PATH, and a workspace with a scored swap (``demo`` by default: ``counterface demo`` makes it).
"""

from __future__ import annotations

import argparse
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from ui.services.server import command

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
VISITS, INTERACTIONS = 5, 200
PICTURES = ".player .view img:not(.over)"


def started(workspace: Path, folder: str) -> tuple[subprocess.Popen[bytes], str]:
    """A server alone, without a worker, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command(workspace, port), stdout=quiet, stderr=quiet, cwd=folder)
    address = f"http://127.0.0.1:{port}"
    while True:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).close()
            return server, address
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)


def first_paint(context: Any, address: str) -> tuple[float, float, float]:
    """Seconds to the browser's first contentful paint, to the page's words, and until the three pictures stand."""
    page = context.new_page()
    begun = time.perf_counter()
    page.goto(f"{address}/side-by-side", wait_until="commit")
    page.locator("h1").first.wait_for()
    words = time.perf_counter() - begun
    page.locator(PICTURES).nth(2).wait_for()
    pictures = time.perf_counter() - begun
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000")
    page.close()
    return float(paint), words, pictures


def step(page: Any, to: int) -> float:
    """Seconds from moving the slider to another frame until its pictures stand, measured inside the page."""
    return float(
        page.locator(".player").evaluate(
            """(player, to) => new Promise((done) => {
                const slider = player.querySelector(".time"), begun = performance.now(), before = player.dataset.index;
                const look = () => player.dataset.index !== before
                    && [...player.querySelectorAll(".view img:not(.over)")].every((i) => i.complete)
                    ? done((performance.now() - begun) / 1000) : requestAnimationFrame(look);
                slider.value = to;
                slider.dispatchEvent(new Event("input", { bubbles: true }));
                look();
            })""",
            to,
        )
    )


def busy(process: int) -> float:
    """CPU-seconds of a process so far."""
    import psutil

    times = psutil.Process(process).cpu_times()
    return float(times.user + times.system)


def resident(process: int) -> float:
    """Resident memory of a process, MB."""
    import psutil

    return psutil.Process(process).memory_info().rss / 1e6


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", nargs="?", type=Path, default=Path("demo"))
    workspace = parser.parse_args(arguments).workspace.resolve()
    from playwright.sync_api import sync_playwright

    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if found is None:
        raise SystemExit("No Chromium was found on the PATH.")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        server, address = started(workspace, folder)
        try:
            browser = play.chromium.launch(executable_path=found, args=list(FLAGS))
            for said, kept in (("a browser that was never here", False), ("one that was", True)):
                context = browser.new_context(viewport={"width": 1280, "height": 900})
                first_paint(context, address)  # the server is warm from here on
                visits = []
                for _ in range(VISITS):
                    if not kept:
                        context.close()
                        context = browser.new_context(viewport={"width": 1280, "height": 900})
                    visits.append(first_paint(context, address))
                context.close()
                paint, words, pictures = (statistics.median(times) for times in zip(*visits, strict=True))
                print(f"warm server, {said}: first contentful paint {paint:.2f} s (asked: 2 s), words {words:.2f} s, ")
                print(f"  all three pictures {pictures:.2f} s", flush=True)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(f"{address}/side-by-side")
            page.locator(PICTURES).nth(2).wait_for()
            taken, memory, used, at = [], [], [], 0
            step(page, at)
            for number in range(INTERACTIONS):
                # On through the clip and back, so that new frames and kept ones are both asked for.
                at += 1 if number % 100 < 60 else -1
                before = busy(server.pid)
                taken.append(step(page, at))
                used.append(busy(server.pid) - before)
                if number % 20 == 19:
                    memory.append(resident(server.pid))
            ordered = sorted(taken[:60])
            new, kept = statistics.median(ordered), statistics.median(taken[60:100])
            print(
                f"slider to a new frame: {new:.3f} s, 95 % {ordered[56]:.3f} s; to a kept one {kept:.3f} s (asked: .3)"
            )
            work, less = (1000 * statistics.mean(part) for part in (used[:60], used[60:100]))
            print(f"the server's part of it: {work:.0f} and {less:.0f} CPU-ms", flush=True)
            half = len(memory) // 2
            print(
                f"memory of the server: {memory[0]:.0f} MB after 20 interactions, {memory[half]:.0f} after "
                f"{20 * (half + 1)}, {memory[-1]:.0f} after {INTERACTIONS} (asked: flat)"
            )
            browser.close()
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
