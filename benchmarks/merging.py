"""Frames a second of merging at 720p, a preview's time, memory over 10 seconds against 10 minutes, untouched pixels.

    python -m benchmarks.merging [--clip CLIP] [--minutes 10] [--no-memory]

The clip is the shipped sample, enlarged to 720 lines and mirrored out to 1280 columns, or one of your own. The model is
trained for a few steps only, which does not change what rendering costs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.clips import repeat
from benchmarks.memory import peak_of
from datasets.video import Frame

STEPS = 20
PREVIEWED = 12


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


def rate(folder: Path) -> tuple[int, float, float]:
    """(frames, seconds, CPU-seconds) of one merge with default settings, decoding, encoding and signing included."""
    from datasets.workspace import open_workspace
    from synth.pipeline import merge

    start, used = time.perf_counter(), time.process_time()
    report = merge(open_workspace(folder), "quick96", force=True)
    return report.total, time.perf_counter() - start, time.process_time() - used


def previews(folder: Path) -> tuple[float, float]:
    """(seconds of a frame not seen before, seconds of another setting on it), medians, the model loaded."""
    from datasets.workspace import open_workspace
    from synth.composite.compositor import CompositeSettings
    from synth.preview import Preview

    with Preview(open_workspace(folder), "quick96") as preview:
        preview.frame(0)
        fresh, again = list[float](), list[float]()
        order = np.random.default_rng(0).permutation(len(preview))[:PREVIEWED]
        for index in order.tolist():
            for times, settings in ((fresh, None), (again, CompositeSettings("seamless", "mkl"))):
                start = time.perf_counter()
                preview.frame(index, settings)
                times.append(time.perf_counter() - start)
    return float(np.median(fresh)), float(np.median(again))


def large_sample(path: Path) -> Path:
    """The sample's destination at 1280 x 720, enlarged and mirrored at the sides, marked as it is."""
    import cv2

    from datasets.samples import sample_clip
    from datasets.video import read_frames

    def frames() -> Iterator[Frame]:
        for frame in read_frames(sample_clip("astronaut")):
            image = cv2.resize(frame.image, (720, 720), interpolation=cv2.INTER_CUBIC)
            yield replace(frame, image=cv2.copyMakeBorder(image, 0, 0, 280, 280, cv2.BORDER_REFLECT_101))

    return written(path, "the sample at 720p", frames(), (1280, 720))


def untouched(folder: Path, frames: int = 50) -> tuple[int, int]:
    """Pixels outside the swap mask in the first frames, and how many of them differ from the input."""
    from datasets.faceset import FaceSet
    from datasets.workspace import open_workspace
    from synth.composite.compositor import for_method
    from synth.people import one_person
    from synth.pipeline import load_model
    from synth.rendering import swapped_frames

    workspace = open_workspace(folder)
    faces = FaceSet(workspace.faces("destination"))
    model = load_model(workspace, "quick96")
    outside = changed = 0
    track, _ = one_person(faces)
    clip, wanted = workspace.clip("destination"), list(range(frames))
    for swapped in swapped_frames(clip, faces, model, for_method(model), track, wanted):
        off = swapped.mask == 0
        outside += int(off.sum())
        changed += int((swapped.image[off] != swapped.frame.image[off]).any(1).sum())
    return outside, changed


def small_sample(path: Path) -> Path:
    """The sample's destination at 256 px, marked as it is."""
    from datasets.samples.animate import render

    return written(path, "the sample at 256 px", render("astronaut", size=256), (256, 256))


def written(path: Path, title: str, frames: Iterable[Frame], size: tuple[int, int]) -> Path:
    """Frames of the sample's destination at another size (width, height), through the one writer."""
    from datasets.provenance.consent import from_option
    from datasets.provenance.writer import Ingredient, Making, SyntheticWriter
    from datasets.samples import sample_clip
    from datasets.video import probe

    sample = sample_clip("astronaut")
    making = Making(
        title=title,
        method="portrait animation",
        consent=from_option("public-domain", "astronaut", "astronaut"),
        ingredients=(Ingredient(sample, "astronaut.mp4", "parentOf"),),
        settings={},
        kind="animation",
    )
    like = replace(probe(sample), width=size[0], height=size[1], has_audio=False)
    with SyntheticWriter(path, like, making) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, help="a destination of your own instead of the sample")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the long clip for memory")
    parser.add_argument("--no-memory", action="store_true")
    options = parser.parse_args(arguments)
    from datasets.video import probe

    with tempfile.TemporaryDirectory() as scratch:
        clip = options.clip or large_sample(Path(scratch) / "large.mp4")
        short, info = prepare(Path(scratch) / "short", clip), probe(clip)
        rate(short)  # the first run loads code and models
        runs = [rate(short) for _ in range(3)]
        rates, used = [n / seconds for n, seconds, _ in runs], [1000 * cpu / n for n, _, cpu in runs]
        print(
            f"merge: {np.median(rates):.1f} frames/s, {np.median(used):.0f} CPU-ms a frame "
            f"(median of 3, {runs[0][0]} frames of {info.width}x{info.height})"
        )
        fresh, again = previews(short)
        print(f"preview: {fresh:.2f} s for a frame not seen before, {again:.2f} s for other settings on it (medians)")
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
