"""Do the marks move a detector's score? Swap and original of a workspace, with and without them, encoded alike.

    python -m benchmarks.markedscores WORKSPACE... [--crf 18 28] [--frames 60] [--ids 3]

Frames of the part that the detector never saw, in memory from beginning to end: swapped, marked or not, a round trip
through H.264, cut, scored. Every repetition draws another id. Printed: what the mark adds to the mean probability (and
to the score before calibration) of each class, with the interval over seconds of the clip, and what it does to the
difference between the classes, which is what ``detectability`` reports.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Marker = Callable[[np.ndarray], np.ndarray]
CLASSES = ("swap", "original")


@dataclass(frozen=True)
class Part:
    """Consecutive frames of a workspace's scored part.

    Attributes:
        images: class -> uint8 RGB frames, unmarked.
        affines: of each frame's face crop.
        times: float64 (N,), seconds.
    """

    images: dict[str, list[np.ndarray]]
    affines: list[np.ndarray]
    times: np.ndarray


def part_of(root: Path, frames: int, detector: Any) -> Part:
    """The first frames of the part that the workspace's detector was not trained on."""
    from datasets.faces.align import rescale_affine
    from datasets.faceset import FaceSet
    from datasets.video import timestamps
    from datasets.workspace import open_workspace
    from evaluate.loop import merged_with
    from synth.people import person_of
    from synth.pipeline import load_model
    from synth.rendering import swapped_frames

    workspace = open_workspace(root)
    clip, faces = workspace.clip("destination"), FaceSet(workspace.faces("destination"))
    name = detector.card["scope"]["model"]["name"]
    times = timestamps(clip)
    wanted = np.flatnonzero(times >= detector.card["scope"]["scored_from"])[:frames].tolist()
    track, _ = person_of(workspace, "destination", faces)
    size, coverage = int(detector.card["input"]["size"]), detector.card["input"]["coverage"]
    images: dict[str, list[np.ndarray]] = {name: [] for name in CLASSES}
    affines, at = [], []
    model = load_model(workspace, name, "cpu")
    for swapped in swapped_frames(clip, faces, model, merged_with(workspace, name), track, wanted):
        if swapped.row is not None:
            images["swap"].append(swapped.image)
            images["original"].append(swapped.frame.image)
            affines.append(rescale_affine(swapped.row.affine, faces.info.size, faces.info.coverage, size, coverage))
            at.append(swapped.frame.time)
    return Part(images, affines, np.array(at))


def scored(images: list[np.ndarray], affines: list[np.ndarray], crf: int, detector: Any) -> tuple[np.ndarray, ...]:
    """(probability, logit) of each frame's face after an encode, (N,) each."""
    from datasets.degrade import h264_round_trip
    from datasets.faces.align import warp_crop

    even = [image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2] for image in images]
    size = int(detector.card["input"]["size"])
    coded = h264_round_trip(even, crf)
    found = detector.score(np.stack([warp_crop(i, a, size) for i, a in zip(coded, affines, strict=True)]))
    return found.probability, found.logit


def shifts(part: Part, crf: int, detector: Any, ids: int, marker: Callable[[], Marker]) -> None:
    """Print what the mark adds."""
    from evaluate.metrics import block_bootstrap

    bare = {name: scored(part.images[name], part.affines, crf, detector) for name in CLASSES}
    moved: dict[str, list[np.ndarray]] = {name: [] for name in CLASSES}
    logits: dict[str, list[float]] = {name: [] for name in CLASSES}
    for _ in range(ids):
        for name in CLASSES:
            mark = marker()
            images = [mark(image) for image in part.images[name]]
            probability, logit = scored(images, part.affines, crf, detector)
            moved[name].append(probability - bare[name][0])
            logits[name].append(float((logit - bare[name][1]).mean()))
    for name in CLASSES:
        change = np.mean(moved[name], axis=0)
        low, high = block_bootstrap(change, part.times)
        per_id = ", ".join(f"{float(one.mean()):+.3f}" for one in moved[name])
        print(
            f"  CRF {crf} {name}: {bare[name][0].mean():.3f} unmarked; the mark adds {change.mean():+.3f} "
            f"({low:+.3f} to {high:+.3f}; by id {per_id}), logit {np.mean(logits[name]):+.2f} "
            f"(its scatter over frames {bare[name][1].std():.2f})"
        )
    gap = np.mean(moved["swap"], axis=0) - np.mean(moved["original"], axis=0)
    low, high = block_bootstrap(gap, part.times)
    whole = float((bare["swap"][0] - bare["original"][0]).mean())
    print(
        f"  CRF {crf} detectability: {whole:.3f} unmarked; the marks add {gap.mean():+.3f} ({low:+.3f} to {high:+.3f})",
        flush=True,
    )


def writers_mark() -> Marker:
    """A marker for one clip as the writer makes it, with an id of its own."""
    from datasets.provenance.payload import id_text, new_id
    from datasets.provenance.writer import PixelMarker

    return PixelMarker(id_text(new_id())).apply


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspaces", nargs="+", type=Path)
    parser.add_argument("--crf", nargs="+", type=int, default=[18, 28])
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--ids", type=int, default=3, help="ids of each class")
    options = parser.parse_args(arguments)
    from detect.detector import load_detector

    for root in options.workspaces:
        detector = load_detector(root / "detector", "cpu")
        part = part_of(root, options.frames, detector)
        print(f"{root.name}: {len(part.affines)} frames, {options.ids} ids a class")
        for crf in options.crf:
            shifts(part, crf, detector, options.ids, writers_mark)


if __name__ == "__main__":
    main()
