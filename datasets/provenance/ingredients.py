"""The files that an output was made from, as ingredients of its manifest, with the Credentials that they carry.

Nothing is stripped: Credentials of another signer are kept whole inside the output's, thumbnails and all, and those
that do not hold are kept and reported as not holding. What is so damaged that no reader makes sense of it cannot be
carried over; then the manifest says that it was there and could not be read. An address of a manifest elsewhere is
kept as such and never fetched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from datasets.provenance.container import media_type
from datasets.provenance.credentialreport import Credentials
from datasets.provenance.manifest import Making, bare, file_hash, label, unreadable
from datasets.provenance.reading import read_credentials

# As the standard's validation results say it, in an ingredient without a manifest.
UNREAD = {
    "activeManifest": {
        "success": [],
        "informational": [],
        "failure": [{"code": "general.error", "explanation": "its Content Credentials are damaged and cannot be read"}],
    },
    "specVersion": "2.4.0",
}


@dataclass(frozen=True)
class Found:
    """One ingredient, as it goes into the manifest.

    Attributes:
        about: title, relationship and the rest of its definition.
        kind: MIME type where the file is read for its Credentials; None where it is only named.
        path: the file.
        damaged: whether it carries Credentials that do not hold.
        synthetic: what its Credentials declare.
    """

    about: dict[str, Any]
    kind: str | None
    path: Path
    damaged: bool
    synthetic: bool | None

    @property
    def parent(self) -> bool:
        return bool(self.about["relationship"] == "parentOf")

    def unread(self) -> Found:
        """The same, named only and said to carry what cannot be read, where its Credentials are damaged."""
        if not self.damaged or self.kind is None:
            return self
        about = self.about | {"instance_id": f"sha256:{file_hash(self.path)}", "validation_results": UNREAD}
        return replace(self, about=about, kind=None)


def find(making: Making) -> list[Found]:
    """The ingredients of an output. Raises InputError where a file cannot be read."""
    found = []
    for number, ingredient in enumerate(making.ingredients):
        path = ingredient.path
        about = {"title": bare(ingredient.title), "relationship": ingredient.relationship, "label": label(number)}
        try:
            kind = media_type(path)
            if kind is None:
                about |= {"format": "application/octet-stream", "instance_id": f"sha256:{file_hash(path)}"}
                found.append(Found(about, None, path, False, None))
                continue
            own = _own(path)
        except OSError as error:
            raise unreadable(path, error) from error
        one = Found(about | {"format": kind}, kind, path, own.state == "invalid", own.synthetic)
        # Without a label not even the name of the manifest could be made out.
        found.append(one.unread() if own.label is None else one)
    return found


def _own(path: Path) -> Credentials:
    """The Credentials of a file, remembered for as long as its size and its time of change stay, as its hash is."""
    state = path.stat()
    return _read(path.resolve(), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _read(path: Path, size: int, changed: int) -> Credentials:
    return read_credentials(path)


def add(builder: Any, found: Found) -> None:
    """Give a file to the signing library, with the Credentials that it carries; nothing for one that is only named.

    Raises:
        InputError: the file cannot be read.
        c2pa.C2paError: the library cannot.
    """
    if found.kind is None:
        return
    try:
        with found.path.open("rb") as file:
            builder.add_ingredient(found.about, found.kind, file)
    except OSError as error:
        raise unreadable(found.path, error) from error
