"""Make the pictures of the README from a finished demo workspace: marked and signed like every other output.

    python docs/pictures.py demo

Screenshots need a Chromium on the PATH.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from datasets.provenance.writer import Making, write_picture
from datasets.video import read_picture
from datasets.workspace import open_workspace
from evaluate.results import read_results
from evaluate.views import chosen, making, moments, views
from ui.services.server import command

HERE = Path(__file__).resolve().parent / "images"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")


def strip(workspace: Path) -> np.ndarray:
    """Four moments: original, swap, swap mask, heatmap, one row each."""
    results = read_results(open_workspace(workspace))
    indices = chosen(results, 4, len(moments(results)))
    columns = []
    for view in views(results, indices):
        assert view.mask is not None
        mask = cv2.cvtColor(view.mask, cv2.COLOR_GRAY2RGB)
        columns.append(np.vstack([cv2.resize(p, (256, 256)) for p in (view.original, view.swap, mask, view.overlay)]))
    # A margin for the words, and for the badge, which would cover a face otherwise.
    margin = np.full((columns[0].shape[0], 200, 3), 255, np.uint8)
    for row, words in enumerate(("original", "swap", "swap mask", "heatmap")):
        place = (16, row * 256 + 150)
        cv2.putText(margin, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.95, (40, 40, 40), 2, cv2.LINE_AA)
    return np.hstack([*columns, margin])


# Where the workspace lies on this machine is nobody's business in a picture: only its name is left.
SHORTEN = """folder => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) walk.currentNode.data = walk.currentNode.data.replaceAll(folder, '');
  for (const field of document.querySelectorAll('input')) field.value = field.value.replaceAll(folder, '');
}"""


def screenshot(address: str, size: tuple[int, int], wait: float, folder: str) -> np.ndarray:
    """A page as a browser shows it, uint8 RGB, without the path of ``folder``."""
    from playwright.sync_api import sync_playwright

    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("No Chromium was found on the PATH.")
    with sync_playwright() as play, tempfile.TemporaryDirectory() as scratch:
        opened = play.chromium.launch(executable_path=browser, args=list(FLAGS))
        page = opened.new_page(viewport={"width": size[0], "height": size[1]})
        page.goto(address)
        page.wait_for_timeout(wait * 1000)
        page.evaluate(SHORTEN, folder)
        page.screenshot(path=Path(scratch) / "page.png")
        opened.close()
        return read_picture(Path(scratch) / "page.png")


def studio(workspace: Path) -> np.ndarray:
    """The dashboard with the workspace open."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(command(workspace, port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(6)
        return screenshot(f"http://127.0.0.1:{port}", (1280, 1000), 8, f"{workspace.resolve().parent}/")
    finally:
        server.terminate()


def main() -> None:
    workspace = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
    said: Making = making(read_results(open_workspace(workspace)), "A picture for the README")
    write_picture(HERE / "strip.jpg", strip(workspace), said, 88)
    report = (workspace / "result" / "report.html").resolve().as_uri()
    write_picture(HERE / "report.jpg", screenshot(report, (1200, 1080), 3, f"{workspace.resolve().parent}/"), said, 88)
    write_picture(HERE / "studio.jpg", studio(workspace), said, 88)


if __name__ == "__main__":
    main()
