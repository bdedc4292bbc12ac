"""How fast faces and clips are scored, decoding and finding included, and whether memory grows with the clip's length.

python -m benchmarks.detection [--detector NAME] [--clip CLIP] [--minutes 10] [--every 5] [--device auto]

Without a detector: the one that the command line would take, or an untrained one where there is none. Asked: 32 frames
of 10 s at 1080p in at most 6 s on 2 cores once the model is loaded; every frame at 20 frames/s or more at 720p; memory
of a long clip as of a short one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.clips import SECONDS, make_clip, repeat
from benchmarks.memory import peak

if TYPE_CHECKING:
    from detect.detector import TrainedDetector

CROP = 160
FULL_HD, HD = (1920, 1080), (1280, 720)
FRAMES, RUNS = 32, 3


def untrained(device: str = "cpu") -> TrainedDetector:
    """A detector of the default architecture; what it answers does not matter here, only what it costs."""
    from detect.calibration import Platt
    from detect.competence import Competence
    from detect.detector import TrainedDetector, build_model, forward

    built = build_model("timm_heatmap")
    width = forward(built.module, np.zeros((1, CROP, CROP, 3), np.uint8), built.normalisation)[2].shape[1]
    competence = Competence(np.zeros(width, np.float32), np.eye(width, dtype=np.float32), 1.0, (0.0, 1e9), (64.0, None))
    card = {
        "name": "untrained",
        "version": "0",
        "calibrated_on": "nothing",
        "input": {"size": CROP, "coverage": "full", "normalisation": dict(built.normalisation)},
        "calibration": Platt().to_card(),
    }
    return TrainedDetector(built.module, card, competence, device)


def chosen(wanted: str | None, device: str) -> TrainedDetector:
    """The detector that is named, or the one that stands ready, or an untrained one."""
    from datasets.device import pick_device
    from datasets.errors import InputError
    from detect.detector import load_detector
    from detect.library import find

    try:
        return load_detector(find(wanted), device)
    except InputError:
        if wanted is not None:
            raise
        return untrained(pick_device(device))


def faces_a_second(detector: TrainedDetector, batch: int = 64, seconds: float = 5.0) -> float:
    """Faces that the network judges in a second, cut and measured already."""
    size = int(detector.card["input"]["size"])
    crops = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
    names = detector.cue_names
    cues = np.zeros((batch, len(names)), np.float32) if names else None
    detector.score(crops, cues)
    began, done = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        detector.score(crops, cues)
        done += batch
    return done / (time.monotonic() - began)


def score_one(path: Path, every: int | None, wanted: str | None, device: str, runs: int = 1) -> dict[str, float]:
    """Score a clip in this process, whose peak memory is then that of the clip; the median of several runs.

    A first look at one frame loads what is loaded once. Beside the time the clock shows stands that of the processor,
    of all cores together: on a machine that does something else too it is what a change can be judged by.
    """
    from detect.score import score_clip

    detector = chosen(wanted, device)
    score_clip(path, detector, frames=1)
    seconds, busy, frames = list[float](), list[float](), 0
    for _ in range(runs):
        began, worked = time.monotonic(), time.process_time()
        frames = score_clip(path, detector, FRAMES, every).frames_scored
        seconds.append(time.monotonic() - began)
        busy.append(time.process_time() - worked)
    return {"frames": frames, "seconds": float(np.median(seconds)), "cpu": float(np.median(busy)), "peak_mb": peak()}


def apart(path: Path, every: int | None, options: argparse.Namespace, runs: int = 1) -> dict[str, float]:
    """Score a clip in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.detection", "--one", str(path), "--device", options.device]
    command += ["--runs", str(runs)] + ([] if every is None else ["--every", str(every)])
    command += [] if options.detector is None else ["--detector", options.detector]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def add_options(parser: argparse.ArgumentParser) -> None:
    """What ``python -m benchmarks.detectors speed`` takes too."""
    parser.add_argument("--detector", help="a detector's name, its folder, or a workspace")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--clip", type=Path, help="a clip of your own instead of the portrait at 1080p and 720p")
    parser.add_argument("--minutes", type=float, default=10, help="length of the long clip; 0 leaves memory out")
    parser.add_argument("--every", type=int, help="each how manieth frame of the long clip; 5 by default")
    parser.add_argument("--runs", type=int, default=RUNS, help=argparse.SUPPRESS)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)


def measure(options: argparse.Namespace) -> None:
    """Print the figures."""
    import torch

    if options.one:
        print(json.dumps(score_one(options.one, options.every, options.detector, options.device, options.runs)))
        return
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    for device in devices if options.device == "auto" else [options.device]:
        detector = chosen(options.detector, device)
        size, name = detector.card["input"]["size"], detector.card["name"]
        print(
            f"{name} on {device}: {faces_a_second(detector):.0f} faces/s, crops of {size} px, cut already", flush=True
        )
    with tempfile.TemporaryDirectory() as folder:
        full, hd = options.clip or Path(folder) / "full.mp4", options.clip or Path(folder) / "hd.mp4"
        if options.clip is None:
            make_clip(full, FULL_HD)
            make_clip(hd, HD)
        said = options.clip.name if options.clip else f"{SECONDS} s at 1080p"
        quick = apart(full, None, options, options.runs)
        print(
            f"{said}, {quick['frames']:.0f} frames, from decode to verdict: {quick['seconds']:.2f} s "
            f"({quick['cpu']:.2f} s of processor time)",
            flush=True,
        )
        every = apart(hd, 1, options)
        said = options.clip.name if options.clip else f"{SECONDS} s at 720p"
        print(
            f"{said}, every frame: {every['frames'] / every['seconds']:.1f} frames/s "
            f"({1000 * every['cpu'] / every['frames']:.0f} ms of processor time a frame)",
            flush=True,
        )
        if options.minutes > 0:
            memory(Path(folder), options)


def memory(folder: Path, options: argparse.Namespace) -> None:
    """Print peak memory of 10 seconds and of many minutes, at 480 px."""
    short, long, every = folder / "short.mp4", folder / "long.mp4", options.every or 5
    make_clip(short)
    repeat(short, max(2, round(options.minutes * 60 / SECONDS)), long)
    a, b = apart(short, every, options), apart(long, every, options)
    for said, found in ((f"{SECONDS} s", a), (f"{options.minutes:g} minutes", b)):
        rate = found["frames"] * every / found["seconds"]
        print(f"{said}, --every {every}: {rate:.0f} frames/s of the clip, peak {found['peak_mb']:.0f} MB")
    print(f"memory, {options.minutes:g} minutes over {SECONDS} s: {b['peak_mb'] / a['peak_mb']:.2f}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    measure(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
