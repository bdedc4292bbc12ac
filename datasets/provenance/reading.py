"""Reading the Content Credentials of any file, and saying how far they can be believed."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from datasets.errors import Refused
from datasets.provenance.container import LIBRARY_SETTINGS, media_type
from datasets.provenance.credentialreport import SYNTHETIC_TYPES, Credentials, State, understood
from datasets.provenance.signers import StudioSigner, own_serials, studio_signer, trust_anchors

__all__ = [
    "NONE",
    "SYNTHETIC_TYPES",
    "Credentials",
    "State",
    "read_back",
    "read_credentials",
    "read_manifest_bytes",
    "store_of",
]

REMOTE = "must fetch remote manifests from url "
NONE = Credentials("none")


def read_credentials(path: Path) -> Credentials:
    """The Content Credentials inside a file. Never raises for what the file holds.

    Raises:
        InputError: the signing settings, which say whom to trust, cannot be read.
        OSError: the file cannot be read.
    """
    import c2pa

    kind = media_type(path)
    if kind is None:
        return NONE
    try:
        with path.open("rb") as file:
            return _read(kind, file)
    except c2pa.C2paError as error:
        if isinstance(error, (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported)):
            return NONE
        if REMOTE in str(error):
            return Credentials("none", remote=str(error).split(REMOTE, 1)[1].strip())
        return Credentials("invalid", faults=(str(error),))


def read_manifest_bytes(manifest: bytes, path: Path | None = None) -> Credentials:
    """What a manifest says that was kept apart from its file (``OUT.c2pa``, or the table of outputs).

    The signature and every assertion are checked as for a file; only the hash of the picture data cannot hold when
    the file was encoded anew since, or is not at hand. So two things are told apart:

    - ``state`` is about the manifest itself: ``trusted`` or ``valid`` when no bit of it was changed since it was
      signed, else ``invalid``;
    - ``covers`` says whether it was signed for exactly the bytes of ``path``. False means: the manifest is intact,
      but that this file is the one it speaks of has to rest on something else, such as the watermark.

    Args:
        manifest: the bytes that :func:`~datasets.provenance.credentials.sign` returned.
        path: a file that it may belong to, or None where there is none; without one ``covers`` is False.

    Raises:
        OSError: ``path`` cannot be read.
    """
    import c2pa

    kind = None if path is None else media_type(path)
    if path is not None and kind is not None:
        try:
            with path.open("rb") as file:
                return _read(kind, file, manifest)
        except c2pa.C2paError:
            pass  # the file is no container that the validator can read: the manifest is looked at by itself
    try:
        return _read("application/c2pa", BytesIO(manifest), manifest)
    except c2pa.C2paError as error:
        return Credentials("invalid", faults=(str(error),), covers=False)


def _read(kind: str, file: IO[bytes], manifest: bytes | None = None) -> Credentials:
    """What the validator says of a file, or of a manifest laid beside it."""
    return understood(store_of(kind, file, manifest), own_serials(), stored=manifest is not None)


def store_of(kind: str, file: IO[bytes], manifest: bytes | None = None) -> dict[str, Any]:
    """The validator's whole report: every manifest in the file, its own and those of its ingredients.

    Args:
        kind: MIME type of the file. manifest: one kept apart from its file, laid beside it.

    Raises:
        c2pa.C2paError: there is none, or it makes no sense.
    """
    import c2pa

    settings: dict[str, Any] = dict(LIBRARY_SETTINGS)
    anchors = trust_anchors()
    if anchors is not None:
        settings["trust"] = {"user_anchors": anchors}
    with (
        c2pa.Context.from_dict(settings) as context,
        c2pa.Reader(kind, file, manifest_data=manifest, context=context) as reader,
    ):
        return dict(json.loads(reader.json()))


def read_back(path: Path, name: Path | str, signer: StudioSigner | None = None, watermark: str | None = None) -> State:
    """Refuse a file that was just signed where it does not hold what it should; else the state in which it reads.

    Intact is not enough: it must be signed with the signer's own certificate, stamped where a time stamp was asked
    for, and name the watermark that is in its pixels. Its state is then ``trusted``, or ``valid`` where the chain of
    the signer's certificate was given without its root.

    Args:
        name: the output, as the message calls it.
        signer: None takes the one of the settings.
        watermark: id of the watermark in the pixels, 8 hex digits, or None.

    Raises:
        Refused: with what does not hold.
    """
    signer = studio_signer() if signer is None else signer
    found = read_credentials(path)
    if found.state not in ("trusted", "valid"):
        why = f"its Content Credentials read back as {found.state}{_list(found.faults)}"
    elif found.serial != signer.serial:
        why = f"its Content Credentials are signed by {found.signer} and not with {signer.name}"
    elif signer.time_stamp is not None and not found.time_stamped:
        why = f"the time stamp of {signer.time_stamp} is not in it"
    elif found.soft_binding != watermark:
        why = f"its manifest names the watermark {found.soft_binding}, and {watermark} is in its pixels"
    else:
        return found.state
    raise Refused(f"{name} was not written: {why}.")


def _list(faults: tuple[str, ...]) -> str:
    return f" ({', '.join(faults)})" if faults else ""
