"""Frames a second of extraction, decode included, and its memory over 10 seconds against 10 minutes.

    python -m benchmarks.extraction [CLIP] [--minutes 10] [--no-memory]

Without a CLIP: a 1280x720 clip of a moving picture (scikit-image's ``astronaut``) made on the spot.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks.memory import peak_of


def moving_portrait(path: Path, frames: int, size: tuple[int, int] = (1280, 720)) -> Path:
    """Write a clip at 25 frames/s of the astronaut's picture, shifted, turned and scaled slowly in a grey room."""
    import cv2
    import skimage.data

    from datasets.encode import ClipEncoder
    from datasets.video import Frame

    picture = skimage.data.astronaut()
    width, height = size
    room = cv2.GaussianBlur(np.random.default_rng(0).integers(60, 160, (height, width, 3), np.uint8), (0, 0), 3)
    with ClipEncoder(path, size, Fraction(25), preset="ultrafast") as encoder:
        for i in range(frames):
            t = i / 25
            scale = height / 512 * (1 + 0.08 * np.sin(0.7 * t))
            affine = np.array(cv2.getRotationMatrix2D((224, 120), 6 * np.sin(0.9 * t), scale), np.float64)
            affine[:, 2] += np.array([width / 2 + 90 * np.sin(0.5 * t) - 224, height * 0.4 - 120])
            image = room.copy()
            cv2.warpAffine(picture, affine, size, dst=image, borderMode=cv2.BORDER_TRANSPARENT)
            encoder.write(Frame(i, t, image))
    return path


def rate(clip: Path) -> tuple[int, float]:
    """(frames, seconds) of one extraction."""
    from datasets.extract import extract

    with tempfile.TemporaryDirectory() as scratch:
        start = time.perf_counter()
        info = extract(clip, Path(scratch) / "faces")
        return info.frames, time.perf_counter() - start


def peak_memory(clip: Path) -> float:
    """Peak resident memory of an extraction in a process of its own, MB."""
    return peak_of(f"from pathlib import Path; from benchmarks.extraction import rate; rate(Path({str(clip)!r}))")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the long clip for memory")
    parser.add_argument("--no-memory", action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        clip = options.clip or moving_portrait(folder / "speed.mp4", 500)
        rate(clip)  # the first run loads code and models
        frames, seconds = rate(clip)
        print(f"extraction: {frames / seconds:.1f} frames/s ({frames} frames of {clip.name})")
        if not options.no_memory:
            short = peak_memory(moving_portrait(folder / "short.mp4", 250))
            long = peak_memory(moving_portrait(folder / "long.mp4", round(options.minutes * 60 * 25)))
            print(
                f"memory: {short:.0f} MB for 10 s, {long:.0f} MB for {options.minutes:g} min, ratio {long / short:.2f}"
            )


if __name__ == "__main__":
    main()
