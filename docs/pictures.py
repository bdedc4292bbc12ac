"""Make the pictures of the README from a finished demo workspace: marked and signed like every other output.

    python docs/pictures.py demo

Screenshots need a Chromium on the PATH.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from datasets.faceset import FaceSet
from datasets.provenance.writer import Making, write_picture
from datasets.video import read_picture
from datasets.workspace import open_workspace
from evaluate.results import read_results
from evaluate.views import chosen, making, moments, views
from synth.composite.settings import for_method
from synth.method import Budget
from synth.people import person_of
from synth.pipeline import load_model, train
from synth.rendering import swapped_frames

HERE = Path(__file__).resolve().parent / "images"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")


METHODS = ("quick96", "graphics", "reenact", "self-blend")
TILE = 256


def rows_of(rows: list[tuple[str, list[np.ndarray]]]) -> np.ndarray:
    """Rows of pictures, their names beside them in a margin that keeps the badge off the faces."""
    margin = np.full((TILE * len(rows), 200, 3), 255, np.uint8)
    for row, (words, _) in enumerate(rows):
        place = (16, row * TILE + 190)
        cv2.putText(margin, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.95, (40, 40, 40), 2, cv2.LINE_AA)
    pictures = np.vstack([np.hstack([cv2.resize(p, (TILE, TILE)) for p in row]) for _, row in rows])
    return np.hstack([pictures, margin])


def by_method(root: Path) -> np.ndarray:
    """The same moments by several methods; those that are not there yet are trained."""
    workspace = open_workspace(root)
    faces = FaceSet(workspace.faces("destination"))
    track, _ = person_of(workspace, "destination", faces)
    wanted = [round(faces.info.frames * part) for part in (0.1, 0.35, 0.6, 0.8)]
    rows: list[tuple[str, list[np.ndarray]]] = []
    for name in METHODS:
        if name not in workspace.models():
            train(workspace, name, Budget(minutes=3))
        model, settings = load_model(workspace, name), for_method(name)
        made = list(swapped_frames(workspace.clip("destination"), faces, model, settings, track, wanted))
        rows = rows or [("original", [swapped.frame.image for swapped in made])]
        rows.append((name, [swapped.image for swapped in made]))
    return rows_of(rows)


def strip(workspace: Path) -> np.ndarray:
    """Four moments: original, swap, swap mask, heatmap, one row each."""
    results = read_results(open_workspace(workspace))
    indices = chosen(results, 4, len(moments(results)))
    rows: dict[str, list[np.ndarray]] = {"original": [], "swap": [], "swap mask": [], "heatmap": []}
    for view in views(results, indices):
        assert view.mask is not None
        mask = cv2.cvtColor(view.mask, cv2.COLOR_GRAY2RGB)
        for row, picture in zip(rows.values(), (view.original, view.swap, mask, view.overlay), strict=True):
            row.append(picture)
    return rows_of(list(rows.items()))


def learning(root: Path) -> Path:
    """A plain autoencoder while it learns the sample: the curve of its detectability, marked by who writes it."""
    from detect.library import find
    from evaluate.trajectory import trajectory
    from evaluate.trajectoryreport import write

    workspace = open_workspace(root)
    if "df" not in workspace.models():
        train(workspace, "df", Budget(steps=500), options={"size": 64, "likeness": "off"})
    return write(workspace, trajectory(workspace, "df", [find(None)]))


def mark() -> np.ndarray:
    """A frame of the sample before and after the watermark, and what was added, 16 times stronger."""
    from datasets.provenance.payload import mark_key, new_id
    from datasets.provenance.watermark import Watermark
    from datasets.samples.animate import render

    before = next(iter(render("astronaut", 1))).image
    after = Watermark(new_id(), mark_key()).apply(before)
    difference = np.clip(128 + 16 * (after.astype(np.int16) - before), 0, 255).astype(np.uint8)
    margin = np.full((len(before), 110, 3), 255, np.uint8)
    return np.hstack([before, after, difference, margin])


def drawn_pairs() -> np.ndarray:
    """What a general detector learns from, of the sample's two portraits: originals, swaps drawn of them, masks."""
    import torch

    from datasets.faces.finder import make_finder
    from datasets.samples.portraits import original
    from evaluate.general.bank import canvases_of
    from evaluate.general.fit import COVERAGE, SIZE, pixels_of
    from evaluate.general.forge.forge import Forge
    from evaluate.general.portraits import portrait_of

    finder = make_finder("mediapipe")
    faces = [portrait_of(original(name), finder, name) for name in ("astronaut", "hopper")]
    finder.close()
    bank, device = canvases_of([face for face in faces if face is not None]), torch.device("cpu")
    forge = Forge(bank, np.zeros(len(bank), int), device, SIZE, COVERAGE, pixels_of(bank, device))
    columns = [forge.group(1, (seed,)) for seed in range(6)]
    rows: list[tuple[str, list[np.ndarray]]] = []
    for words, which in (("original", 1), ("drawn", 0)):
        rows.append((words, [(255 * d.images[which]).byte().permute(1, 2, 0).numpy() for d in columns]))
    masks = [np.repeat((255 * d.masks[0]).byte().numpy()[..., None], 3, 2) for d in columns]
    return rows_of([*rows, ("mask", masks)])


def said_of_drawn() -> Making:
    """What the marks of that picture say."""
    from datasets.provenance.consent import from_option
    from datasets.provenance.writer import Ingredient
    from datasets.samples.portraits import file_of

    faces = [file_of(name) for name in ("hopper", "astronaut")]
    return Making(
        title="Pairs that a detector learns from",
        method="drawn pairs",
        consent=tuple(from_option("public-domain", faces[0].name, faces[1].name)),
        ingredients=(Ingredient(faces[1], "destination", "parentOf"), Ingredient(faces[0], "source", "componentOf")),
        settings={},
        kind="report",
    )


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


def main() -> None:
    workspace = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
    said: Making = making(read_results(open_workspace(workspace)), "A picture for the README")
    write_picture(HERE / "strip.jpg", strip(workspace), said, 88)
    write_picture(HERE / "mark.jpg", mark(), said, 90)
    write_picture(HERE / "drawn.jpg", drawn_pairs(), said_of_drawn(), 88)
    write_picture(HERE / "methods.jpg", by_method(workspace), said, 88)
    shutil.copyfile(learning(workspace), HERE / "trajectory.jpg")
    report = (workspace / "result" / "report.html").resolve().as_uri()
    write_picture(HERE / "report.jpg", screenshot(report, (1200, 1080), 3, f"{workspace.resolve().parent}/"), said, 88)


if __name__ == "__main__":
    main()
