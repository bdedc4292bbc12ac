"""What tells fakes from originals besides the swap: probes on pairs written the right way and three wrong ones.

    python -m benchmarks.leaks [FOLDER] [--method self-blend] [--seconds 3] [--stretches 2] [--clips N]

Every clip of the folder (each is taken for one person; by default the two of the shipped sample, cut into stretches
that count as ten clips each) is cut into stretches, swapped by a method without training, and written by the path of a
labelled data set. Asked: AUC .55 or less of every probe the right way, near 1 of the probe that a wrong way is for.
The sizes of the packets are content, the swap's included; for them the limit holds where the swap is left out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

LOOKED_AT = 6
WAYS = {
    "the right way": "both classes through one path",
    "the path alone": "the same, and the fakes' pictures are the originals': the swap is left out",
    "marked fakes only": "originals encoded alike, without a mark",
    "fakes at CRF 23": "originals at 18",
    "fakes encoded twice": "once more before the common path",
}


@dataclass(frozen=True)
class Pair:
    """A stretch, written every way.

    Attributes:
        person: who or what it counts as.
        files: way -> (fake, original).
        regions: (frame number, bool (H, W) away from the face).
    """

    person: str
    files: dict[str, tuple[Path, Path]]
    regions: tuple[tuple[int, np.ndarray], ...]


def stretches(clips: Sequence[Path], seconds: float, each: int) -> Iterator[tuple[Path, float]]:
    """Starts of stretches spread over each clip, as many as it has room for."""
    from datasets.video import timestamps

    for clip in clips:
        times = timestamps(clip)
        room = float(times[-1] - times[0]) - seconds
        count = max(1, min(each, int((room + seconds) // seconds)))
        for number in range(count):
            yield clip, max(0.0, room) * number / max(1, count - 1)


def written(
    clip: Path, start: float, seconds: float, seed: int, method: str, source: Any, scratch: Path
) -> Pair | None:
    """Swap a stretch and write it every way; None where no face was found."""
    from datasets.degrade import h264_round_trip
    from datasets.encode import ClipEncoder, encoder_like
    from datasets.errors import InputError
    from datasets.extract import extract
    from datasets.faceset import FaceSet, load_arrays
    from datasets.labelled import treat, write_labelled, write_original
    from datasets.provenance.consent import from_option
    from datasets.provenance.writer import Ingredient, Making
    from datasets.video import Frame
    from synth.composite.compositor import for_method
    from synth.method import Budget, method_class
    from synth.people import one_person
    from synth.rendering import swapped_frames

    cut = treat(clip, start, start + seconds)
    stretch = scratch / "stretch.mkv"
    with ClipEncoder(stretch, (cut.like.width, cut.like.height), cut.like.rate, codec="ffv1") as encoder:
        for frame in cut.frames():
            encoder.write(frame)
    try:
        extract(stretch, scratch / "faces")
        faces = FaceSet(scratch / "faces")
        kind = method_class(method)
        track, _ = one_person(faces)
        own = load_arrays(faces, kind.size, kind.coverage, track)
        model = kind(seed=seed)
        model.fit(source or own, own, scratch / "model", Budget(steps=1))
    except InputError as error:
        print(f"  {clip.name} at {start:.1f} s is left out: {error}")
        return None
    # The stretch is without loss, so both classes have the same history as from the clip itself.
    path = treat(stretch)
    images, masks, points = [], [], []
    for swapped in swapped_frames(stretch, faces, model, for_method(model), track):
        images.append(swapped.image)
        masks.append(swapped.mask)
        points.append(None if swapped.row is None else swapped.row.landmarks)
    making = Making(
        "fake.mp4",
        method,
        from_option("research", clip.name, clip.name),
        (Ingredient(clip, clip.name, "parentOf"),),
        {},
        "swap",
    )
    names = {name: scratch / f"{name}.mp4" for name in ("fake", "original", "same", "unmarked", "coarse", "twice")}
    write_labelled(names["fake"], path, making, images)
    write_original(names["original"], path, making)
    write_labelled(names["same"], path, making, (frame.image for frame in path.frames()))
    write_labelled(names["coarse"], treat(stretch, crf=23), making, images)
    twice = (image for at in range(0, len(images), 12) for image in h264_round_trip(images[at : at + 12], 18))
    write_labelled(names["twice"], path, making, twice)
    with encoder_like(names["unmarked"], path.like) as encoder:
        for frame in path.frames():
            encoder.write(Frame(frame.index, frame.time, frame.image))
    from datasets.audit.background import away_from_face

    chosen = ((np.arange(LOOKED_AT) + 0.5) * len(images) / LOOKED_AT).astype(int).tolist()
    return Pair(
        clip.stem,
        {
            "the right way": (names["fake"], names["original"]),
            "the path alone": (names["same"], names["original"]),
            "marked fakes only": (names["fake"], names["unmarked"]),
            "fakes at CRF 23": (names["coarse"], names["original"]),
            "fakes encoded twice": (names["twice"], names["original"]),
        },
        tuple((i, away_from_face(masks[i], points[i])) for i in chosen),
    )


def measured(pair: Pair) -> dict[str, dict[str, Any]]:
    """What the probes see of a pair: way -> probe -> (of the fake, of the original)."""
    from datasets.audit.background import pair_background
    from datasets.audit.container import headers, manifest_size, packet_figures
    from datasets.audit.mark import as_read, pair_mark
    from datasets.provenance.payload import mark_key
    from datasets.provenance.watermarkgrid import coefficients

    found: dict[str, dict[str, Any]] = {}
    for way, files in pair.files.items():
        found[way] = {
            "headers": tuple(headers(file) for file in files),
            "packets": tuple(packet_figures(file) for file in files),
            "manifest": tuple(manifest_size(file) for file in files),
            "background": pair_background(*files, pair.regions),
        }
        for name, look in (("mark", coefficients), ("mark as read", as_read(mark_key()))):
            found[way][name] = pair_mark(*files, pair.regions, look)
    return found


def report(people: list[str], found: list[dict[str, dict[str, Any]]]) -> None:
    """Print the table."""
    from datasets.audit.container import differing, header_columns
    from datasets.audit.probe import probe

    for way, said in WAYS.items():
        print(f"\n{way} ({said})")
        here = [one[way] for one in found]
        fields = sorted({field for one in here for field in differing(*one["headers"])})
        print(f"  headers that differ within a pair: {', '.join(fields) or 'none'}")
        columns = header_columns([one["headers"][k] for k in (0, 1) for one in here])
        print("  " + probe("metadata", columns[: len(here)], columns[len(here) :], people).sentence(), flush=True)
        packets = [np.array([one["packets"][k] for one in here]) for k in (0, 1)]
        print("  " + probe("packet sizes", *packets, people).sentence(), flush=True)
        for name in ("background", "mark", "mark as read"):
            there = [i for i, one in enumerate(here) if one.get(name) is not None]
            if not there:
                print(f"  {name}: not measured")
                continue
            rows = [np.array([here[i][name][k] for i in there]) for k in (0, 1)]
            print("  " + probe(name, rows[0], rows[1], [people[i] for i in there]).sentence(), flush=True)
    sizes = np.array([one["the right way"]["manifest"] for one in found])
    print(
        f"\nmanifests: {np.median(sizes[:, 0]):.0f} bytes of a fake's, {np.median(sizes[:, 1]):.0f} of an original's "
        "(medians): they say the class by design, and no probe sees them"
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--method", default="self-blend", help="a method that needs no training")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--stretches", type=int, default=2, help="of each clip at most")
    parser.add_argument("--clips", type=int, help="only so many")
    options = parser.parse_args(arguments)
    from datasets.extract import extract
    from datasets.faceset import FaceSet, load_arrays
    from datasets.samples import sample_clip, sample_clips
    from synth.method import method_class

    began = time.monotonic()
    clips = sorted(options.folder.glob("*.mp4"))[: options.clips] if options.folder else list(sample_clips())
    each, seconds = (options.stretches, options.seconds) if options.folder else (10, 0.8)
    people, found = list[str](), list[dict[str, dict[str, Any]]]()
    with tempfile.TemporaryDirectory() as scratch:
        source = None
        if options.method != "self-blend":
            extract(sample_clip("hopper"), Path(scratch) / "source")
            kind = method_class(options.method)
            source = load_arrays(FaceSet(Path(scratch) / "source"), kind.size, kind.coverage)
        for number, (clip, start) in enumerate(stretches(clips, seconds, each)):
            # What was measured is kept, the files are not: a folder of clips may be large.
            with tempfile.TemporaryDirectory(dir=scratch) as folder:
                pair = written(clip, start, seconds, number, options.method, source, Path(folder))
                if pair is not None:
                    people.append(pair.person if options.folder else f"{pair.person} {start:.2f}")
                    found.append(measured(pair))
    print(f"{len(found)} pairs of {len(set(people))}, {seconds:g} s each, {options.method}")
    report(people, found)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
