"""Short clips of living faces, a workspace made of two of them by the real commands, and the command line in-process.

The faces are the sample's animated portraits, small. A model of a few steps is no good swap; what these tests hold is
everything around it.
"""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from datasets.encode import ClipEncoder
from datasets.samples.animate import render
from datasets.samples.sound import voice, write_carrier
from datasets.video import Frame
from datasets.workspace import Workspace, open_workspace

SOURCE_FRAMES, DESTINATION_FRAMES = 60, 66
SIZE = (255, 241)
FACELESS = range(30, 34)
STEPS, DETECTOR_STEPS = 10, 6


@lru_cache(maxsize=2)
def living(name: str, count: int = DESTINATION_FRAMES) -> tuple[np.ndarray, ...]:
    """Frames of a sample's performance, uint8 RGB 256 x 256; every third, so that little time shows much motion."""
    return tuple(frame.image for frame in render(name, count, 256, 3))


def uneven(count: int) -> np.ndarray:
    """Times of a clip with a variable frame rate, seconds."""
    return np.concatenate([[0.0], np.cumsum(np.random.default_rng(5).choice([0.04, 0.08, 0.12], count - 1))])


def write_clip(
    path: Path, images: Iterable[np.ndarray], times: Sequence[float] | None = None, sound: bool = False
) -> Path:
    """Write pictures of one size as a clip, at 10 frames/s unless ``times`` are given."""
    images = list(images)
    times = [i / 10 for i in range(len(images))] if times is None else times
    carrier = path.with_name(f"{path.stem}-sound.mp4")
    if sound:
        write_carrier(carrier, voice("hopper", min(7.9, times[-1] + 0.1)))
    with ClipEncoder(
        path, images[0].shape[1::-1], Fraction(10), Fraction(1, 12_800), sound=carrier if sound else None
    ) as encoder:
        for i, image in enumerate(images):
            encoder.write(Frame(i, float(times[i]), image))
    carrier.unlink(missing_ok=True)
    return path


def source_clip(path: Path) -> Path:
    return write_clip(path, living("hopper")[:SOURCE_FRAMES])


def destination_clip(path: Path) -> Path:
    """Odd sizes, a variable frame rate, sound, and a moment (``FACELESS``) in which no face is to be seen."""
    images = [np.ascontiguousarray(image[: SIZE[1], : SIZE[0]]) for image in living("astronaut")]
    for i in FACELESS:
        images[i] = cv2.GaussianBlur(images[i], (0, 0), 40)
    return write_clip(path, images, uneven(DESTINATION_FRAMES).tolist(), sound=True)


def turn_by_quarter(path: Path) -> None:
    """Write a quarter turn into the display matrix of an mp4's track header (ISO/IEC 14496-12, ``tkhd``)."""
    content = bytearray(path.read_bytes())
    at = content.find(b"tkhd") + 4
    at += 4 + (36 if content[at] == 0 else 48)
    matrix = (0, 1 << 16, 0, -(1 << 16) & 0xFFFFFFFF, 0, 0, 0, 0, 1 << 30)
    content[at : at + 36] = b"".join(value.to_bytes(4, "big") for value in matrix)
    path.write_bytes(content)


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one sentence of an error; fails when there is another number of them, or a traceback."""
        said = [line for line in self.err.splitlines() if line.startswith("counterface: ")]
        assert len(said) == 1 and self.err.splitlines()[-1] == said[0], self.err
        assert "Traceback" not in self.err
        return said[0].removeprefix("counterface: ")


def counterface(*arguments: object) -> Said:
    """Run the command line in this process."""
    from ui.cli import run

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(argument) for argument in arguments])
    return Said(code, out.getvalue(), err.getvalue())


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, and every folder as an entry of its own."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }


@dataclass
class Looped:
    """A workspace that has been through every step, and what each command said."""

    workspace: Workspace
    source: Path
    destination: Path
    said: dict[str, Said] = field(default_factory=dict)

    def copy(self, root: Path, without: Iterable[str] = ()) -> Workspace:
        """A copy without the parts (paths inside it) that are named."""
        shutil.copytree(self.workspace.root, root)
        for name in without:
            part = root / name
            shutil.rmtree(part) if part.is_dir() else part.unlink()
        return open_workspace(root)

    def on(
        self, root: Path, destination: Path, change: Callable[[Workspace], None] | None = None
    ) -> tuple[Workspace, Said]:
        """A workspace with this one's model and another destination, merged; ``change`` is called before the merge."""
        from datasets.extract import extract
        from datasets.workspace import create

        workspace = create(root, self.source, destination, self.workspace.consent, self.workspace.seed)
        shutil.copytree(self.workspace.faces("source"), workspace.faces("source"))
        shutil.copytree(self.workspace.model("quick96"), workspace.model("quick96"))
        extract(workspace.clip("destination"), workspace.faces("destination"))
        if change:
            change(workspace)
        return workspace, counterface("merge", root, "--device", "cpu", "-q")


def loop(folder: Path) -> Looped:
    """Make a workspace with the commands a person would type, one after the other."""
    root = folder / "workspace"
    source, destination = source_clip(folder / "hopper.mp4"), destination_clip(folder / "astronaut.mp4")
    cpu = ("--device", "cpu", "-q")
    said = {
        "new": counterface(
            "new", root, "--source", source, "--destination", destination, "--consent", "public-domain", "--seed", 3
        ),
        "extract": counterface("extract", root, "-q"),
        "train": counterface("train", root, "--steps", STEPS, *cpu),
        "merge": counterface("merge", root, *cpu),
        "detector": counterface("detector", "train", root, "--steps", DETECTOR_STEPS, *cpu),
    }
    for name, answer in said.items():
        assert answer.code == 0, f"{name}: {answer}"
    return Looped(open_workspace(root), source, destination, said)
