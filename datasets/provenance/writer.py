"""The one writer of synthetic media: whatever the studio shows of a synthetic face leaves through here, marked.

Five steps, none of which can be left out: the marks in the pixels (:class:`PixelMarker`: the invisible watermark with
an id of its own, then the visible badge), the signed Content Credentials that name that id, reading them back, a record
of the output under its id, and a rename that only happens when all are there. A test holds that nothing else in the
code encodes pictures.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol

import numpy as np

from datasets.atomic import disk_error, refuse_overwrite, remove, replacing
from datasets.errors import InputError
from datasets.provenance.badge import badge
from datasets.provenance.credentials import sign, try_signing
from datasets.provenance.manifest import Ingredient, Making, PixelMarks, file_hash, require_consent
from datasets.provenance.payload import id_text, mark_key, new_id
from datasets.provenance.reading import read_back
from datasets.provenance.records import record_of, remember, unused_id
from datasets.provenance.signers import StudioSigner, check_reachable, own_serials, studio_signer
from datasets.provenance.watermark import Watermark
from datasets.provenance.watermarkreading import read_id
from datasets.video import ClipInfo, Frame

__all__ = [
    "Ingredient",
    "Making",
    "Mark",
    "Marks",
    "PixelMarker",
    "SyntheticWriter",
    "picture_bytes",
    "pixel_marks",
    "write_picture",
]

VIDEO_TYPES = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime"}
PICTURE_FORMATS = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png"}
SIDECAR = ".c2pa"
DEFAULT_CRF = 18
JPEG_QUALITY = 92
# Of a picture that is kept as a file: what its id outlasts, and how many are tried for it.
COPY_QUALITY, PICTURE_IDS = 75, 5

PictureFormat = Literal["jpeg", "png"]


class Mark(Protocol):
    """Something that the writer puts into the pixels of every frame.

    Attributes:
        name: as the manifest calls it.
    """

    name: str

    def apply(self, image: np.ndarray) -> np.ndarray:
        """A marked copy of a uint8 RGB HxWx3 picture."""
        ...


class Badge:
    """The visible "AI" badge."""

    name = "badge"

    def apply(self, image: np.ndarray) -> np.ndarray:
        return badge(image)


class PixelMarker:
    """Everything that goes into the pixels of one output, whose frames are given in order.

    Attributes:
        watermark_id: 8 hex digits.
        marks: what is applied, in this order: the badge last, so that it stays clean.
    """

    def __init__(self, watermark_id: str) -> None:
        self.watermark_id = watermark_id
        self.marks: tuple[Mark, ...] = (Watermark(int(watermark_id, 16), mark_key()), Badge())

    @property
    def said(self) -> PixelMarks:
        """What the manifest says of them."""
        return PixelMarks(tuple(mark.name for mark in self.marks), self.watermark_id)

    def apply(self, image: np.ndarray) -> np.ndarray:
        """A uint8 RGB HxWx3 picture with every mark in its pixels; a new array."""
        for mark in self.marks:
            image = mark.apply(image)
        return image


def pixel_marks(watermark_id: str | None = None) -> PixelMarker:
    """Marks for one output, under a random id that no other output of this machine has.

    Args:
        watermark_id: the id, 8 hex digits, where it is derived (``datasets.provenance.derived``) so that an output that
            is made again is the same one; whether it is free is then looked at when the output is recorded.

    Raises:
        Refused: the key or the table of outputs cannot be read or made.
    """
    if watermark_id is not None:
        return PixelMarker(watermark_id)
    return PixelMarker(unused_id(lambda: id_text(new_id())))


@dataclass(frozen=True)
class Marks:
    """What an output carries.

    Attributes:
        badge: whether the visible badge is in every frame.
        credentials: state of its Content Credentials, read back from the finished file.
        watermark: id of the invisible watermark, 8 hex digits.
        notes: what else a person should know, e.g. that the sound was encoded anew.
    """

    badge: bool
    credentials: str
    watermark: str
    notes: tuple[str, ...]


class SyntheticWriter:
    """Write a synthetic clip: frames in, a marked, signed, complete file out, or none.

    Use it as a context manager. On a clean exit the file is signed, read back and renamed into place, its manifest is
    kept beside it (``OUT.c2pa``), and :attr:`marks` says what it carries. On any error, Ctrl-C included, nothing is
    left. Should the process be killed, a hidden temporary with the badge in it stays and is removed by the next run.

    Args:
        path: the output, ``.mp4``, ``.m4v`` or ``.mov``.
        like: a clip whose size, rate, time base and sound the output takes over.
        making: what the manifest says.
        crf: H.264 quality, 0 to 51, lower is better.
        force: replace a file that is there.
        signer: who signs; None takes the one of the settings.
        watermark_id: a derived id, see :func:`pixel_marks`; None draws one.

    Raises:
        InputError: the file exists, has another suffix, or the disk is full.
        Refused: a consent record is missing or has expired, or the file could not be marked, signed or recorded.
    """

    def __init__(
        self,
        path: Path,
        like: ClipInfo,
        making: Making,
        crf: int = DEFAULT_CRF,
        force: bool = False,
        signer: StudioSigner | None = None,
        watermark_id: str | None = None,
    ) -> None:
        self.path, self.like, self.making = Path(path), like, making
        if self.path.suffix.lower() not in VIDEO_TYPES:
            raise InputError(f"{self.path} must end in .mp4 or .mov: only these carry the marks.")
        for file in (self.path, self.path.with_suffix(SIDECAR)):
            refuse_overwrite(file, force)
        self.signer = _checked(making, signer)
        self.again = watermark_id is not None
        self.marker = self._marker(watermark_id)
        self.crf, self.frames = crf, 0
        self.marks: Marks | None = None
        self._stack = contextlib.ExitStack()

    def _marker(self, watermark_id: str | None) -> PixelMarker:
        return pixel_marks(watermark_id)

    def _record(self, manifest_bytes: bytes, digest: str, format: str) -> None:
        remember(record_of(self.making, self.marker.watermark_id, manifest_bytes, digest, format), again=self.again)

    def __enter__(self) -> SyntheticWriter:
        from datasets.encode import encoder_like

        with contextlib.ExitStack() as stack:
            # Entered in this order, so that the clip is renamed first and its manifest's copy second.
            self._sidecar = stack.enter_context(replacing(self.path.with_suffix(SIDECAR)))
            self._signed = stack.enter_context(replacing(self.path))
            self._unsigned = _beside(self.path, "unsigned")
            stack.callback(remove, self._unsigned)
            self._encoder = encoder_like(self._unsigned, self.like, crf=self.crf, name=self.path)
            stack.callback(self._encoder.abandon)
            self._stack = stack.pop_all()
        return self

    def write(self, frame: Frame) -> None:
        """Mark one frame and append it; its time must be later than the last one's."""
        image = self.marker.apply(frame.image)
        try:
            self._encoder.write(Frame(frame.index, frame.time, image))
        except OSError as error:
            raise disk_error(error, self.path) or error from error
        self.frames += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The stack lets go of the encoder, removes what is temporary, and renames only when there was no error.
        if error is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            self._finish()

    def _finish(self) -> None:
        if not self.frames:
            raise InputError(f"{self.path} was not written: there was not one frame to write.")
        self._encoder.close()
        format = VIDEO_TYPES[self.path.suffix.lower()]
        said = self.marker.said
        with self._unsigned.open("rb") as source, self._signed.open("w+b") as target:
            manifest_bytes = sign(self.making, format, source, target, said, self.signer)
            os.fsync(target.fileno())
            target.seek(0)
            digest = hashlib.file_digest(target, "sha256").hexdigest()
        state = read_back(self._signed, self.path, self.signer, self.marker.watermark_id)
        self._sidecar.write_bytes(manifest_bytes)
        notes = (*self._encoder.notes, *_unreadable(self._signed, self.marker.watermark_id))
        self._record(manifest_bytes, digest, format)
        self.marks = Marks("badge" in said.names, state, self.marker.watermark_id, notes)


def _checked(making: Making, signer: StudioSigner | None) -> StudioSigner:
    """Stop before the work begins when its result could not be written; else who signs it."""
    require_consent(making)
    parents = [i for i in making.ingredients if i.relationship == "parentOf"]
    if len(parents) > 1:
        raise ValueError("a manifest has one parentOf ingredient at most")
    for ingredient in making.ingredients:
        file_hash(ingredient.path)
    signer = studio_signer() if signer is None else signer
    check_reachable(signer)
    if signer.serial not in own_serials():
        try_signing(signer)
    return signer


def _unreadable(path: Path, watermark_id: str) -> tuple[str, ...]:
    """A note where the watermark does not come back from the finished clip, such as one that is black throughout."""
    from datasets.provenance.watermarkreading import comes_back

    present, read = comes_back(path)
    if not present:
        return ("The invisible watermark cannot be read back: the picture is too small or too empty to hold it.",)
    if read != watermark_id:
        return (
            "The invisible watermark is there, but its id cannot be read back from such a picture: a copy that loses "
            "its Credentials will be known as a studio's work and not as this one.",
        )
    return ()


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f".{path.stem}.{os.getpid()}.{what}.tmp{path.suffix}")


def picture_bytes(
    image: np.ndarray,
    making: Making,
    format: PictureFormat = "jpeg",
    quality: int = JPEG_QUALITY,
    signer: StudioSigner | None = None,
    ids: int = 1,
) -> bytes:
    """A synthetic picture as a file's bytes: marked, encoded, signed, recorded.

    Args:
        image: uint8 RGB HxWx3; it is not changed.
        quality: of JPEG, 1 to 100.
        signer: who signs; None takes the one of the settings.
        ids: how many watermark ids may be tried until one is read back from a copy at JPEG :data:`COPY_QUALITY`; one
            picture holds little, and one id in twenty would be lost.

    Raises:
        Refused: a consent record is missing, or the picture could not be marked, signed or recorded.
    """
    if format not in ("jpeg", "png"):
        raise InputError(f"A synthetic picture is written as jpeg or png, not as {format}.")
    signer = _checked(making, signer)
    marker, encoded = _lasting(image, format, quality, max(ids, 1), making.title)
    signed = BytesIO()
    manifest_bytes = sign(making, f"image/{format}", BytesIO(encoded), signed, marker.said, signer)
    content = signed.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    remember(record_of(making, marker.watermark_id, manifest_bytes, digest, f"image/{format}"))
    return content


def _lasting(image: np.ndarray, format: str, quality: int, ids: int, title: str) -> tuple[PixelMarker, bytes]:
    """The marked picture, encoded, under the first of so many ids that outlasts a copy, or just the first."""
    first: tuple[PixelMarker, bytes] | None = None
    for _ in range(ids):
        marker = pixel_marks()
        made = marker, _encoded(marker.apply(image), format, quality, title)
        first = first or made
        if ids == 1:
            break
        copy = _encoded(_decoded(made[1]), "jpeg", COPY_QUALITY, title)
        if read_id(_decoded(copy)) == marker.watermark_id:
            return made
    assert first is not None
    return first


def _encoded(image: np.ndarray, format: str, quality: int, title: str) -> bytes:
    import cv2

    options: Sequence[int] = [cv2.IMWRITE_JPEG_QUALITY, quality] if format == "jpeg" else []
    done, encoded = cv2.imencode("." + format, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise InputError(f"{title} cannot be encoded as {format}.")
    return encoded.tobytes()


def _decoded(content: bytes) -> np.ndarray:
    import cv2

    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def write_picture(path: Path, image: np.ndarray, making: Making, quality: int = JPEG_QUALITY) -> None:
    """Write a synthetic picture, marked and signed, all or nothing; a file that is there is replaced.

    Args:
        path: ``.jpg``, ``.jpeg`` or ``.png``.
        image: uint8 RGB HxWx3.

    Raises:
        InputError: another suffix, or the disk is full.
        Refused: a consent record is missing, or the picture could not be signed.
    """
    path = Path(path)
    format = PICTURE_FORMATS.get(path.suffix.lower())
    if format is None:
        raise InputError(f"{path} must end in .jpg or .png: these carry the marks.")
    content = picture_bytes(image, making, "png" if format == "png" else "jpeg", quality, ids=PICTURE_IDS)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
