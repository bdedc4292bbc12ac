"""What a file was made from, and what that was made from: the ingredients of its manifest, as deep as known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from datasets.provenance.container import media_type
from datasets.provenance.credentialreport import ingredient_of, understood
from datasets.provenance.reading import store_of
from datasets.provenance.signers import own_serials

# A manifest names its ingredients' manifests; a file of nonsense could name them in a circle.
DEEPEST = 8
MOST = 200


@dataclass(frozen=True)
class Node:
    """One file of the tree.

    Attributes:
        title: as the manifest that names it calls it.
        relationship: to the file above: ``parentOf``, ``componentOf``, ...; None for the file itself.
        state: of its Credentials: ``none``, ``valid``, ``trusted`` or ``invalid``.
        signer, generator: who signed them and with what they were made, or None.
        synthetic: what they declare, None where they do not say.
        parts: what it was made from.
    """

    title: str
    relationship: str | None
    state: str
    signer: str | None
    generator: str | None
    synthetic: bool | None
    parts: tuple[Node, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values, the parts inside."""
        return dict(vars(self)) | {"parts": [part.to_json() for part in self.parts]}


def ingredient_tree(path: Path) -> Node | None:
    """The tree of a file's Content Credentials; None where it carries none that can be read.

    Raises:
        InputError: the signing settings cannot be read. OSError: the file cannot be read.
    """
    import c2pa

    kind = media_type(path)
    if kind is None:
        return None
    try:
        with path.open("rb") as file:
            return _grown(store_of(kind, file), path.name)
    except c2pa.C2paError:
        return None


def stored_tree(manifest: bytes, title: str) -> Node | None:
    """The same of a manifest that was kept apart from its file; ``title`` is the file's name."""
    import c2pa

    try:
        return _grown(store_of("application/c2pa", BytesIO(manifest), manifest), title, stored=True)
    except c2pa.C2paError:
        return None


def _grown(store: Mapping[str, Any], title: str, stored: bool = False) -> Node:
    own = understood(store, own_serials(), stored)
    left = [MOST]
    parts = _parts(store.get("manifests") or {}, str(store.get("active_manifest")), 1, left)
    return Node(title, None, own.state, own.signer, own.generator, own.synthetic, parts)


def _parts(manifests: Mapping[str, Any], label: str, depth: int, left: list[int]) -> tuple[Node, ...]:
    entries = (manifests.get(label) or {}).get("ingredients")
    if depth > DEEPEST or not isinstance(entries, list):
        return ()
    found = []
    for entry in (one for one in entries if isinstance(one, Mapping)):
        left[0] -= 1
        if left[0] < 0:
            break
        said = ingredient_of(entry, manifests)
        parts = _parts(manifests, str(entry.get("active_manifest")), depth + 1, left)
        found.append(
            Node(
                str(said["title"] or "without a name"),
                said["relationship"],
                said["state"],
                said["signer"],
                said["generator"],
                said["synthetic"],
                parts,
            )
        )
    return tuple(found)
