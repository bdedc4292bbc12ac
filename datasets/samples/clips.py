"""The two sample clips as files, made on first use and kept in the user's cache."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

from datasets.errors import InputError
from datasets.home import home
from datasets.progress import Progress, counted, silent
from datasets.samples.portraits import CREDITS, FRAMED, LIKENESS, Credit, check_name, file_of

# Part of the cache's folder: raise it when the pixels change, so that older clips are not taken for these.
EDITION = 2
RECORDED = "2026-11-23"


def sample_folder() -> Path:
    """Where sample clips are kept: ``$COUNTERFACE_HOME``, or the user's cache folder, and in it ``samples``."""
    return home("cache") / "samples" / str(EDITION)


def sample_clips(folder: Path | None = None, progress: Progress = silent) -> tuple[Path, Path]:
    """The sample pair (source, destination): Grace Hopper's portrait and Eileen Collins's, animated.

    Arguments and errors as for :func:`sample_clip`.
    """
    return sample_clip("hopper", folder, progress), sample_clip("astronaut", folder, progress)


def sample_clip(name: str, folder: Path | None = None, progress: Progress = silent) -> Path:
    """The path of a sample clip, which is made when it is not there: 8 s, 25 frames a second, 512 x 512, with sound.

    The clip is a synthetic picture of a face, so it is written like one: with the badge and Content Credentials.

    Args:
        name: ``hopper`` or ``astronaut``.
        folder: where it is kept, :func:`sample_folder` by default.

    Raises:
        InputError: there is no such sample, or the folder cannot be written.
    """
    check_name(name)
    path = (Path(folder) if folder is not None else sample_folder()) / f"{name}.mp4"
    if not _whole(path):
        _write(name, path, progress)
    return path


def _whole(path: Path) -> bool:
    """Whether a clip is there that can be read; what was damaged is made again."""
    from datasets.video import probe

    if not path.is_file():
        return False
    try:
        probe(path)
    except InputError:
        return False
    return True


def _write(name: str, path: Path, progress: Progress) -> None:
    from datasets.provenance.consent import Consent
    from datasets.provenance.writer import Ingredient, Making, SyntheticWriter
    from datasets.samples.animate import FRAMES, render
    from datasets.samples.performance import RATE, SCORES, SECONDS
    from datasets.samples.sound import voice, write_carrier
    from datasets.video import ClipInfo

    credit = CREDITS[name]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{path.parent} cannot be made: {error.strerror}; set COUNTERFACE_HOME to a folder."
        ) from error
    with tempfile.TemporaryDirectory(prefix="counterface-sample-") as scratch:
        carrier = Path(scratch) / "voice.mp4"
        write_carrier(carrier, voice(name))
        like = ClipInfo(
            path=carrier,
            width=FRAMED,
            height=FRAMED,
            rotation=0,
            rate=Fraction(RATE),
            time_base=Fraction(1, RATE * 512),
            duration=SECONDS,
            frames=FRAMES,
            has_audio=True,
            codec="h264",
        )
        reference = citation(credit)
        making = Making(
            title=f"{credit.person}, portrait set in motion",
            method="portrait animation",
            consent=(
                Consent("source", "public-domain", credit.person, reference, RECORDED),
                Consent("destination", "public-domain", credit.person, reference, RECORDED),
            ),
            ingredients=(Ingredient(file_of(name), credit.title, "parentOf"),),
            settings={"sample": name, "edition": EDITION, "seed": SCORES[name].seed, "crop": LIKENESS[name].crop},
            kind="animation",
        )
        with SyntheticWriter(path, like, making, force=True) as writer:
            for frame in counted(render(name), f"animating {credit.person}'s portrait", FRAMES, progress):
                writer.write(frame)


def citation(credit: Credit) -> str:
    """One line that names a portrait, as a consent record's reference."""
    return f"{credit.title}; {credit.author}; {credit.licence}; {credit.page}"
