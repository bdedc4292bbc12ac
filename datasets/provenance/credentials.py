"""Content Credentials (C2PA): the signed manifest that travels inside a file and says how it was made.

Nothing here uses the network: no time stamp, no remote manifest, no revocation look-up. Thumbnails are off, since a
thumbnail of the source would put that person's face into every output.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Literal

from datasets.errors import InputError, Refused
from datasets.provenance.consent import Consent
from datasets.provenance.identity import Identity, identity

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# A face made by a trained model in a picture that was otherwise filmed.
COMPOSITE_TRAINED = SOURCE_TYPE + "compositeWithTrainedAlgorithmicMedia"
# A photograph set in motion by a fixed algorithm: parts are synthetic, and no trained model made them.
COMPOSITE_SYNTHETIC = SOURCE_TYPE + "compositeSynthetic"

GENERATOR = "counterface"
MAKING_LABEL = "org.counterface.making"
MAKING_VERSION = 1

Kind = Literal["swap", "animation", "preview", "report"]
Relationship = Literal["parentOf", "componentOf"]
MAGIC = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n": "image/png",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
}
# Above 4 MB, intermediates of the library go to the disk and not into memory.
LIBRARY_SETTINGS: dict[str, Any] = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "core": {"backing_store_memory_threshold_in_mb": 4},
}
# Hashed as one, a clip's media data is held in memory whole; as the leaves of a Merkle tree, one MB at a time. Not for
# short clips: a tree of one leaf, that is media data under 1 MB, is not checked by the library when it reads.
MERKLE_FROM_BYTES = 32_000_000
MERKLE_LEAF_KB = 1024


@dataclass(frozen=True)
class Ingredient:
    """A file that an output was made from.

    Attributes:
        path: the file; Content Credentials that it carries are kept inside the output's.
        title: how it is called in the manifest.
        relationship: ``parentOf`` for the clip whose face is replaced (one at most), ``componentOf`` for what was
            put into it.
    """

    path: Path
    title: str
    relationship: Relationship


@dataclass(frozen=True)
class Making:
    """How an output came to be: all that its manifest says.

    Attributes:
        title: name of the output.
        method: of the swap ("quick96") or of the animation.
        consent: the records of the faces in it.
        ingredients: the files it was made from.
        settings: what it was made with; the manifest holds their SHA-256, not the values.
        kind: ``swap``, ``animation`` (a still portrait set in motion by a fixed algorithm), or a still picture with
            synthetic faces made on the way (``preview``) or for a ``report``.
    """

    title: str
    method: str
    consent: tuple[Consent, ...]
    ingredients: tuple[Ingredient, ...]
    settings: Mapping[str, Any]
    kind: Kind

    @property
    def source_type(self) -> str:
        """The IPTC digital source type of this kind."""
        return COMPOSITE_SYNTHETIC if self.kind == "animation" else COMPOSITE_TRAINED


def software_version() -> str:
    """The installed version of counterface, or ``unknown`` when it runs from a bare checkout."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("counterface")
    except PackageNotFoundError:
        return "unknown"


def settings_hash(settings: Mapping[str, Any]) -> str:
    """SHA-256, hex, of the settings as canonical JSON (sorted keys; paths and other objects as their text)."""
    text = json.dumps(dict(settings), sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def media_type(path: Path) -> str | None:
    """The MIME type by the file's first bytes (names can lie), or None where it is no container of Credentials."""
    with Path(path).open("rb") as file:
        head = file.read(16)
    if head[4:8] == b"ftyp":
        return "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"
    if head[:4] == b"RIFF" and head[8:12] in (b"WEBP", b"AVI "):
        return "image/webp" if head[8:12] == b"WEBP" else "video/avi"
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return kind
    return None


def manifest(making: Making, format: str, marks: Iterable[str]) -> dict[str, Any]:
    """The manifest definition of an output: what was opened, what was placed, what was made of it.

    Args:
        format: MIME type of the output.
        marks: names of the marks in its pixels.
    """
    source = {"digitalSourceType": making.source_type}
    actions: list[dict[str, Any]] = []
    for number, ingredient in enumerate(making.ingredients):
        action = "c2pa.opened" if ingredient.relationship == "parentOf" else "c2pa.placed"
        actions.append({"action": action, "parameters": {"ingredientIds": [_label(number)]}})
    actions.sort(key=lambda action: action["action"] != "c2pa.opened")
    if not actions or actions[0]["action"] != "c2pa.opened":
        # The standard asks that the first action is the opening of a parent or a creation.
        actions.insert(0, {"action": "c2pa.created", **source})
    actions.append({"action": "c2pa.edited", "description": making.method, **source})
    making_data = {
        "version": MAKING_VERSION,
        "software": f"{GENERATOR} {software_version()}",
        "kind": making.kind,
        "method": making.method,
        "settings_sha256": settings_hash(making.settings),
        "consent": [record.to_table() for record in making.consent],
        "ingredients": [{"title": i.title, "sha256": file_hash(i.path)} for i in making.ingredients],
        "pixel_marks": list(marks),
    }
    return {
        "claim_generator_info": [{"name": GENERATOR, "version": software_version()}],
        "title": making.title,
        "format": format,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": MAKING_LABEL, "data": making_data},
        ],
    }


def _label(number: int) -> str:
    return f"ingredient-{number}"


class _Watched:
    """A binary file that remembers what went wrong (disk full, Ctrl-C): the signing library only calls it a failure."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.error: BaseException | None = None

    def _call(self, name: str, *arguments: Any) -> Any:
        try:
            return getattr(self.file, name)(*arguments)
        except BaseException as error:
            self.error = self.error or error
            raise

    def read(self, size: int = -1) -> bytes:
        return self._call("read", size)

    def write(self, data: bytes) -> int:
        return self._call("write", data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._call("seek", offset, whence)

    def tell(self) -> int:
        return self._call("tell")

    def flush(self) -> None:
        self._call("flush")


def _signer(own: Identity) -> Any:
    import c2pa

    info = c2pa.C2paSignerInfo(
        alg=c2pa.C2paSigningAlg.ES256, sign_cert=own.chain.encode(), private_key=own.key.encode(), ta_url=None
    )
    return c2pa.Signer.from_info(info)


def sign(making: Making, format: str, source: IO[bytes], target: IO[bytes], marks: Iterable[str]) -> bytes:
    """Copy ``source`` to ``target`` with a signed manifest inside, and return the manifest's own bytes.

    Args:
        format: MIME type of both.
        source: open for reading.
        target: open for reading and writing, empty.
        marks: names of the marks in the pixels.

    Raises:
        InputError: an ingredient cannot be read.
        Refused: signing failed. The caller throws ``target`` away.
        OSError: the disk is full or ``target`` cannot be written.
    """
    import c2pa

    # Context and signer are made anew each time (0.6 ms): they are not shared between threads or over a fork.
    own, watched = identity(), _Watched(target)
    definition = manifest(making, format, marks)
    described, streamed = _ingredients(making)
    definition["ingredients"] = described
    try:
        with (
            c2pa.Context.from_dict(_settings(source)) as context,
            c2pa.Builder(definition, context=context) as builder,
            _signer(own) as signer,
        ):
            for about, kind, path in streamed:
                _add(builder, about, kind, path)
            made: bytes = builder.sign(signer, format, source, watched)
    except c2pa.C2paError as error:
        if watched.error is not None:
            raise watched.error from error
        if f"os error {errno.ENOSPC}" in str(error):
            raise InputError(f"No room left in {tempfile.gettempdir()} for the signing of {making.title}.") from error
        raise Refused(f"{making.title} was not written, because it could not be signed: {error}.") from error
    target.flush()
    return made


def _settings(source: IO[bytes]) -> dict[str, Any]:
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    if size < MERKLE_FROM_BYTES:
        return LIBRARY_SETTINGS
    core = LIBRARY_SETTINGS["core"] | {"merkle_tree_chunk_size_in_kb": MERKLE_LEAF_KB}
    return LIBRARY_SETTINGS | {"core": core}


def _ingredients(making: Making) -> tuple[list[dict[str, str]], list[tuple[dict[str, str], str, Path]]]:
    """The ingredients without a container of Credentials (named only), and those whose file is to be read."""
    described: list[dict[str, str]] = []
    streamed: list[tuple[dict[str, str], str, Path]] = []
    for number, ingredient in enumerate(making.ingredients):
        about = {"title": ingredient.title, "relationship": ingredient.relationship, "label": _label(number)}
        try:
            kind = media_type(ingredient.path)
        except OSError as error:
            raise _unreadable(ingredient.path, error) from error
        if kind is not None:
            streamed.append((about | {"format": kind}, kind, ingredient.path))
        else:
            identifier = f"sha256:{file_hash(ingredient.path)}"
            described.append(about | {"format": "application/octet-stream", "instance_id": identifier})
    return described, streamed


def _add(builder: Any, about: dict[str, str], kind: str, path: Path) -> None:
    """Name a file as an ingredient, with the Credentials that it carries."""
    import c2pa

    try:
        with path.open("rb") as file:
            builder.add_ingredient(about, kind, file)
    except OSError as error:
        raise _unreadable(path, error) from error
    except c2pa.C2paError as error:
        raise Refused(
            f"{path} cannot be named as an ingredient ({error}), so the output would be marked wrongly and is not "
            "written; copy the clip into a new file with a video tool and try again."
        ) from error


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path}, from which the output is made, cannot be read: {error.strerror or error}.")


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hex; remembered for as long as its size and its time of change stay."""
    try:
        state = path.stat()
        return _hashed(path.resolve(), state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise _unreadable(path, error) from error


@lru_cache(maxsize=64)
def _hashed(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
