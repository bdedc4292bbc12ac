"""Frames a second of merging at 512 px, its memory over 10 seconds against 10 minutes, and what it leaves untouched.

    python -m benchmarks.merging [--minutes 10] [--no-memory]

The clips are the shipped sample; the model is trained for a few steps only, which does not change what rendering costs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.detection import repeat
from benchmarks.memory import peak_of

STEPS = 20


def prepare(folder: Path, destination: Path) -> Path:
    """A workspace of the sample's source and a destination, with face sets and a barely trained model."""
    from datasets.extract import extract
    from datasets.provenance.consent import from_option
    from datasets.samples import sample_clip
    from datasets.workspace import create
    from synth.method import Budget
    from synth.pipeline import ROLES, train

    workspace = create(folder, sample_clip("hopper"), destination, from_option("public-domain", "hopper", "astronaut"))
    for role in ROLES:
        extract(workspace.clip(role), workspace.faces(role))
    train(workspace, "quick96", Budget(steps=STEPS))
    return folder


def rate(folder: Path) -> tuple[int, float]:
    """(frames, seconds) of one merge, decoding, encoding and signing included."""
    from datasets.workspace import open_workspace
    from synth.composite.compositor import CompositeSettings
    from synth.pipeline import merge

    start = time.perf_counter()
    report = merge(open_workspace(folder), "quick96", CompositeSettings(), force=True)
    return report.total, time.perf_counter() - start


def untouched(folder: Path, frames: int = 50) -> tuple[int, int]:
    """Pixels outside the swap mask in the first frames, and how many of them differ from the input."""
    from datasets.faceset import FaceSet
    from datasets.workspace import open_workspace
    from synth.composite.compositor import CompositeSettings
    from synth.people import one_person
    from synth.pipeline import load_model
    from synth.rendering import swapped_frames

    workspace = open_workspace(folder)
    faces = FaceSet(workspace.faces("destination"))
    model = load_model(workspace, "quick96")
    outside = changed = 0
    track, _ = one_person(faces)
    clip, wanted = workspace.clip("destination"), list(range(frames))
    for swapped in swapped_frames(clip, faces, model, CompositeSettings(), track, wanted):
        off = swapped.mask == 0
        outside += int(off.sum())
        changed += int((swapped.image[off] != swapped.frame.image[off]).any(1).sum())
    return outside, changed


def small_sample(path: Path) -> Path:
    """The sample's destination at 256 px, marked as it is."""
    from dataclasses import replace

    from datasets.provenance.consent import from_option
    from datasets.provenance.writer import Ingredient, Making, SyntheticWriter
    from datasets.samples import sample_clip
    from datasets.samples.animate import render
    from datasets.video import probe

    sample = sample_clip("astronaut")
    making = Making(
        title="the sample at 256 px",
        method="portrait animation",
        consent=from_option("public-domain", "astronaut", "astronaut"),
        ingredients=(Ingredient(sample, "astronaut.mp4", "parentOf"),),
        settings={},
        kind="animation",
    )
    like = replace(probe(sample), width=256, height=256, has_audio=False)
    with SyntheticWriter(path, like, making) as writer:
        for frame in render("astronaut", size=256):
            writer.write(frame)
    return path


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the long clip for memory")
    parser.add_argument("--no-memory", action="store_true")
    options = parser.parse_args(arguments)
    from datasets.samples import sample_clip

    with tempfile.TemporaryDirectory() as scratch:
        sample = sample_clip("astronaut")
        short = prepare(Path(scratch) / "short", sample)
        rate(short)  # the first run loads code and models
        rates = [count / seconds for count, seconds in (rate(short) for _ in range(3))]
        print(f"merge: {np.median(rates):.1f} frames/s (median of 3, 200 frames of 512x512)")
        outside, changed = untouched(short)
        print(f"outside the swap mask: {changed} of {outside} pixels differ from the input")
        if not options.no_memory:
            few_clip, many_clip = small_sample(Path(scratch) / "few.mp4"), Path(scratch) / "many.mp4"
            repeat(few_clip, max(1, round(options.minutes * 60 / 8)), many_clip, 8)
            few, many = (
                peak_of(f"from pathlib import Path; from benchmarks.merging import rate; rate(Path({str(folder)!r}))")
                for folder in (prepare(Path(scratch) / "few", few_clip), prepare(Path(scratch) / "many", many_clip))
            )
            print(
                f"memory at 256 px: {few:.0f} MB for 8 s, {many:.0f} MB for {options.minutes:g} min, "
                f"ratio {many / few:.2f}"
            )


if __name__ == "__main__":
    main()
