"""How invisible the watermark is, what it survives, and that nothing unmarked is called marked.

python -m benchmarks.watermark [FOLDER ...] [--seconds 3] [--pieces 1] [--attacks NAME ...]
    [--unmarked FOLDER ...]

The shipped sample and each clip of the folders is cut into pieces of so many seconds, marked, written as the
studio writes a swap, and that file is changed as others change it. Counted are pieces whose id, or whose presence, is
found by ``read_watermark``, as ``counterface verify`` does; and false alarms over the same pieces, unmarked.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from datasets.provenance.payload import id_text, mark_key, new_id
from datasets.provenance.watermark import Watermark
from datasets.provenance.watermarkfound import WatermarkFound
from datasets.provenance.watermarkgrid import (
    canonical,
    id_cells,
    id_pattern,
    luma,
    presence_cells,
    presence_score,
)
from datasets.provenance.watermarkreading import ALLOWED, read_watermark
from datasets.provenance.watermarktally import presence_chance

MEDIA = (".mp4", ".mov", ".jpg", ".jpeg", ".png")
# Where a single picture counts as marked.
COUNTS = float(np.sqrt(2 * np.log(2 / ALLOWED)))

Change = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Attack:
    """What others do to a file.

    Attributes:
        name: for the table.
        asked: share of clips that must be found.
        what: "id" or "presence".
        change: of each frame, or None.
        codec, crf: of the copy.
        scale: of its size.
        speed: of its playing.
        rate: frames a second of the copy over the original's, by dropping or repeating.
    """

    name: str
    asked: float
    what: str
    change: Change | None = None
    codec: str = "libx264"
    crf: int = 23
    scale: float = 1.0
    speed: float = 1.0
    rate: float = 1.0


def crop(left: float, top: float, right: float, bottom: float) -> Change:
    def change(image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        x0, x1 = round(width * left), width - round(width * right)
        y0, y1 = round(height * top), height - round(height * bottom)
        return np.ascontiguousarray(image[y0:y1, x0:x1])

    return change


def levels(gain: float, offset: float) -> Change:
    return lambda image: np.clip(image.astype(np.float32) * gain + offset, 0, 255).astype(np.uint8)


def caption(image: np.ndarray) -> np.ndarray:
    out, height = image.copy(), image.shape[0]
    top = round(height * 0.88)
    out[top:] = 16
    size = (height - top) / 45
    cv2.putText(out, "BREAKING: a caption bar", (8, height - (height - top) // 3), 0, size, (240, 240, 240), 1)
    return out


def letterbox(image: np.ndarray) -> np.ndarray:
    bar = image.shape[0] // 8
    return cv2.copyMakeBorder(image, bar, bar, 0, 0, cv2.BORDER_CONSTANT, value=(0, 0, 0))


ATTACKS = (
    Attack("H.264 CRF 23", 0.99, "id"),
    Attack("H.264 CRF 28", 0.97, "id", crf=28),
    Attack("H.264 CRF 28, half size", 0.95, "id", crf=28, scale=0.5),
    Attack("H.264 CRF 35", 0.95, "id", crf=35),
    Attack("HEVC CRF 28", 0.95, "id", codec="libx265", crf=28),
    Attack("crop of 10 %, centred", 0.95, "presence", crop(0.05, 0.05, 0.05, 0.05)),
    Attack("crop of 10 %, one corner", 0.95, "presence", crop(0.1, 0.0, 0.0, 0.1)),
    Attack("crop of 10 % of the height", 0.95, "presence", crop(0, 0.1, 0, 0)),
    Attack("mirrored", 0.95, "presence", lambda image: np.ascontiguousarray(image[:, ::-1])),
    Attack("brighter, more contrast", 0.95, "presence", levels(1.25, 10)),
    Attack("darker, less contrast", 0.95, "presence", levels(0.75, -5)),
    Attack("caption bar over 12 %", 0.95, "presence", caption),
    Attack("1.1 times the speed", 0.95, "presence", speed=1.1),
    Attack("another frame rate (x 0.8)", 0.95, "presence", rate=0.8),
    Attack("another frame rate (x 1.2)", 0.95, "presence", rate=1.2),
    # Not asked for.
    Attack("black bars above and below", 0.0, "presence", letterbox),
    Attack("cropped and mirrored", 0.0, "presence", lambda i: crop(0.05, 0.05, 0.05, 0.05)(i[:, ::-1])),
    Attack("half size, mirrored, CRF 28", 0.0, "id", lambda i: np.ascontiguousarray(i[:, ::-1]), crf=28, scale=0.5),
    Attack("crop of 10 %, CRF 28", 0.0, "presence", crop(0.05, 0.05, 0.05, 0.05), crf=28),
)


@dataclass(frozen=True)
class Piece:
    """Some seconds of a clip: uint8 RGB frames and their rate."""

    name: str
    frames: list[np.ndarray]
    rate: float


def pieces(folders: list[Path], seconds: float, most: int) -> Iterator[Piece]:
    from datasets.video import probe, read_frames

    for clip in sorted(file for folder in folders for file in folder.iterdir() if file.suffix in (".mp4", ".mov")):
        rate = float(probe(clip).rate)
        size, taken, frames = max(1, round(seconds * rate)), 0, list[np.ndarray]()
        for frame in read_frames(clip):
            frames.append(frame.image)
            if len(frames) == size:
                yield Piece(f"{clip.stem}/{taken}", frames, rate)
                taken, frames = taken + 1, []
                if taken == most:
                    break
        if not taken and frames:
            yield Piece(f"{clip.stem}/0", frames, rate)


def encode(path: Path, frames: list[np.ndarray], rate: float, codec: str, crf: int, scale: float, preset: str) -> None:
    """As ffmpeg would with these options and everything else left alone."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(rate).limit_denominator(1000))
        height, width = frames[0].shape[:2]
        stream.width, stream.height = (max(2, round(side * scale / 2) * 2) for side in (width, height))
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": preset} | (
            {"x265-params": "log-level=none"} if codec == "libx265" else {}
        )
        for image in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24").reformat(
                width=stream.width, height=stream.height, format="yuv420p", interpolation="BICUBIC"
            )
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def decode(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [picture.to_ndarray(format="rgb24") for picture in container.decode(video=0)]


def attacked(path: Path, master: list[np.ndarray], rate: float, attack: Attack) -> None:
    frames = master
    if attack.rate != 1:
        count = round(len(master) * attack.rate)
        frames = [master[min(int(i / attack.rate), len(master) - 1)] for i in range(count)]
    if attack.change is not None:
        frames = [attack.change(image) for image in frames]
    encode(path, frames, rate * attack.speed * attack.rate, attack.codec, attack.crf, attack.scale, "medium")


def quality(before: list[np.ndarray], after: list[np.ndarray]) -> tuple[float, float]:
    """PSNR in dB over all frames and mean SSIM of every tenth, before any compression."""
    from skimage.metrics import structural_similarity

    error = np.mean([np.mean((a.astype(np.float32) - b) ** 2) for a, b in zip(before, after, strict=True)])
    similar = [
        structural_similarity(luma(a), luma(b), gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
        for a, b in list(zip(before, after, strict=True))[::10]
    ]
    return float(10 * np.log10(255**2 / error)), float(np.mean(similar))


def speed() -> None:
    """CPU milliseconds a 1280x720 frame, one thread."""
    from skimage.data import astronaut

    cv2.setNumThreads(1)
    key, image = mark_key(), cv2.resize(astronaut(), (1280, 720))
    writer, grey, pattern = Watermark(new_id(), key), luma(image), id_pattern(key)

    def read() -> None:
        square = canonical(grey)
        pattern.project(id_cells(square))
        presence_score(presence_cells(square))

    from datasets.provenance.watermarktally import frame_sums

    for name, step in (
        ("embedding", lambda: writer.apply(image)),
        ("reading", read),
        ("reading, all contrasts and mirrored", lambda: frame_sums(canonical(grey), key)),
    ):
        step()
        start = time.process_time()
        for _ in range(50):
            step()
        print(f"{name}: {(time.process_time() - start) / 50 * 1000:.1f} CPU-ms a 1280x720 frame")


def false_alarms(folders: list[Path], work: list[Piece], folder: Path) -> None:
    """Whole unmarked files, every frame of them, and how the frames' scores lie against theory."""
    from datasets.video import is_picture, read_grey, read_picture

    scores, called, count = list[float](), list[str](), 0

    def take(grey: np.ndarray) -> None:
        found = presence_cells(canonical(grey))
        scores.extend([presence_score(found), presence_score(np.ascontiguousarray(found[:, ::-1]))])

    for piece in work:
        path = folder / "unmarked.mp4"
        encode(path, piece.frames, piece.rate, "libx264", 18, 1.0, "veryfast")
        count += 1
        if read_watermark(path).present:
            called.append(piece.name)
    for path in sorted(file for where in folders for file in where.rglob("*") if file.suffix.lower() in MEDIA):
        count += 1
        if read_watermark(path).present:
            called.append(str(path))
        for grey in [luma(read_picture(path))] if is_picture(path) else (frame[0] for frame in read_grey(path)):
            take(grey)
    print(f"unmarked: {len(called)} of {count} files called marked {called or ''}")
    if scores:
        spread = np.asarray(scores)
        print(
            f"{len(spread)} scores of frames and of their mirror images: mean {spread.mean():.2f}, standard deviation "
            f"{spread.std():.2f} (a random key gives 0 and 1), largest {spread.max():.2f}; from {COUNTS:.1f} on "
            f"a picture counts as marked, bound {presence_chance(COUNTS, 2):.0e}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path, help="folders of clips, beside the shipped sample")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--pieces", type=int, default=1, help="pieces a clip at most")
    parser.add_argument("--attacks", nargs="*", help="only those whose name holds one of these words")
    parser.add_argument("--unmarked", nargs="*", type=Path, default=[], help="folders to look for false alarms in")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="counterface-watermark-") as name:
        os.environ["COUNTERFACE_HOME"] = name
        speed()
        work = [*samples(options.seconds), *pieces(options.folders, options.seconds, options.pieces)]
        chosen = [a for a in ATTACKS if not options.attacks or any(word in a.name for word in options.attacks)]
        measure(work, chosen, Path(name), options.verbose)
        false_alarms(options.unmarked, work, Path(name))


def samples(seconds: float) -> Iterator[Piece]:
    """The shipped sample's two people, rendered anew, since the clips themselves are marked already."""
    from datasets.samples.animate import render
    from datasets.samples.performance import RATE

    for name in ("hopper", "astronaut"):
        yield Piece(name, [frame.image for frame in render(name, round(seconds * RATE))], float(RATE))


def measure(work: list[Piece], attacks: list[Attack], folder: Path, verbose: bool) -> None:
    found: dict[str, list[tuple[bool, bool]]] = {attack.name: [] for attack in attacks}
    looks: list[tuple[float, float]] = []
    for piece in work:
        mark_id = new_id()
        writer = Watermark(mark_id, mark_key())
        marked = [writer.apply(image) for image in piece.frames]
        looks.append(quality(piece.frames, marked))
        path = folder / "master.mp4"
        encode(path, marked, piece.rate, "libx264", 18, 1.0, "veryfast")
        master = decode(path)
        missed = []
        for attack in attacks:
            copy = folder / "copy.mp4"
            attacked(copy, master, piece.rate, attack)
            seen: WatermarkFound = read_watermark(copy)
            right = seen.id == id_text(mark_id)
            if seen.id is not None and not right:
                print(f"WRONG ID in {piece.name} after {attack.name}: {seen.id} for {id_text(mark_id)}")
            found[attack.name].append((right, seen.present))
            if not (right if attack.what == "id" else seen.present):
                missed.append(attack.name)
        if verbose:
            like = f"PSNR {looks[-1][0]:.1f} dB, SSIM {looks[-1][1]:.4f}"
            print(f"{piece.name}: {like}; missed: {missed or 'none'}", flush=True)
    psnr, ssim = np.array(looks).T
    print(f"{len(work)} clips; PSNR {psnr.mean():.1f} dB (least {psnr.min():.1f})")
    print(f"SSIM {ssim.mean():.4f} (least {ssim.min():.4f})")
    print(f"{'after':32} {'id':>6} {'presence':>9}   asked")
    for attack in attacks:
        right, present = np.mean(found[attack.name], axis=0)
        asked = f"{attack.what} {100 * attack.asked:.0f} %" if attack.asked else "nothing"
        print(f"{attack.name:32} {100 * right:5.1f}% {100 * present:8.1f}%   {asked}")


if __name__ == "__main__":
    main()
