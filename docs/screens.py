"""Make the screenshots of docs/dashboard.md from the sample: marked and signed like every other output.

    python docs/screens.py demo [PAGE ...]

``demo`` is a finished sample (``counterface demo``). A Chromium must be on the PATH.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pictures import FLAGS, HERE, SHORTEN

from datasets.provenance.writer import write_picture
from datasets.video import read_picture
from datasets.workspace import open_workspace
from evaluate.results import read_results
from evaluate.views import making
from ui import jobs

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

WIDTH, HEIGHT, WIDEST, QUALITY = 1280, 900, 1060, 76


def settle(page: Any, seconds: float = 1.5) -> None:
    state = "document.querySelector('[data-test-script-state]')?.dataset.testScriptState === 'notRunning'"
    page.wait_for_timeout(600)
    page.wait_for_function(state, timeout=120_000)
    page.wait_for_timeout(1000 * seconds)


def shoot(page: Any, name: str, root: Path, results: Any, height: int = HEIGHT) -> None:
    """The page as it stands, written as a marked JPEG; where the workspace lies on this machine is left out."""
    page.set_viewport_size({"width": WIDTH, "height": height})
    settle(page)
    page.evaluate(SHORTEN, f"{root.parent}/")
    with tempfile.TemporaryDirectory() as scratch:
        page.screenshot(path=Path(scratch) / "page.png")
        image: np.ndarray = read_picture(Path(scratch) / "page.png")
    size = (WIDEST, round(image.shape[0] * WIDEST / image.shape[1]))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    write_picture(HERE / f"page-{name}.jpg", small, making(results, f"The page {name}"), QUALITY)


def done(kind: str, payload: dict[str, Any], title: str) -> str:
    """A job that did this, now or before; its id."""
    known = next((job for job in jobs.listing(kind) if job.payload == payload and job.state == "done"), None)
    id = known.id if known else jobs.submit(kind, payload, title=title)
    while jobs.read(id).open:
        time.sleep(0.5)
    return id


def answered(page: Any) -> None:
    """One clip of the quiz, guessed and revealed."""
    page.get_by_role("radio", name="Swapped", exact=True).focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Answer").click()
    page.get_by_text("Where the detector looked").wait_for()


def main() -> None:
    import shutil

    from playwright.sync_api import sync_playwright
    from studiokit import Studio

    root, asked = Path(sys.argv[1] if len(sys.argv) > 1 else "demo").resolve(), sys.argv[2:]
    results = read_results(open_workspace(root))
    studio = Studio(root.parent)
    try:
        video = str(results.video)
        ids: dict[str, str] = {}
        # What a page shows that a job made, with the page's name.
        for page_name, kind, payload, title in (
            ("suspect", "score", {"file": video, "frames": 32}, "Score suspect.mp4"),
            ("verify", "verify", {"path": video, "name": "result.mp4"}, "Verify result.mp4"),
            ("spot", "quiz_clips", {"source": str(root)}, "Clips for the quiz"),
            ("learn", "learn_album", {"workspace": str(root)}, "Make the pictures of this page"),
        ):
            if not asked or page_name in asked:
                ids[page_name] = done(kind, payload, title)
        with sync_playwright() as play:
            opened = play.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
            for name, address, scheme, height in (
                ("home", "", "light", 1180),
                ("make", f"make?workspace={root}&step=composite", "light", 1040),
                ("side-by-side", f"side-by-side?workspace={root}", "dark", 1240),
                ("suspect", f"suspect?job={ids.get('suspect')}", "light", 1240),
                ("verify", f"verify?job={ids.get('verify')}", "light", 1300),
                ("detectors", "detectors", "dark", 900),
                ("learn", "learn", "light", 1000),
                ("spot", "spot", "light", 1240),
            ):
                if asked and name not in asked:
                    continue
                context = opened.new_context(viewport={"width": WIDTH, "height": height}, color_scheme=scheme)
                page = context.new_page()
                page.goto(f"{studio.address}/{address}")
                page.locator("h1").first.wait_for()
                settle(page)
                if name == "spot":
                    answered(page)
                shoot(page, name, root, results, height)
                context.close()
            opened.close()
    finally:
        studio.end()


if __name__ == "__main__":
    main()
