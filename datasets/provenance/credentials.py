"""Content Credentials (C2PA): signing the manifest that travels inside a file and says how it was made.

Nothing here uses the network unless a time-stamp address is set (:mod:`datasets.provenance.signers`): no remote
manifest is fetched, no revocation looked up. Thumbnails are off, since a thumbnail of the source would put that
person's face into every output.
"""

from __future__ import annotations

import base64
import errno
import os
import tempfile
from functools import lru_cache
from io import BytesIO
from typing import IO, Any

from datasets.errors import InputError, Refused
from datasets.provenance.container import LIBRARY_SETTINGS
from datasets.provenance.ingredients import Found, add, find
from datasets.provenance.manifest import Making, PixelMarks, bare, manifest
from datasets.provenance.signers import StudioSigner, check_reachable, studio_signer, unreachable

# Hashed as one, a clip's media data is held in memory whole; as the leaves of a Merkle tree, one MB at a time. Not for
# short clips: a tree of one leaf, that is media data under 1 MB, is not checked by the library when it reads.
MERKLE_FROM_BYTES = 32_000_000
MERKLE_LEAF_KB = 1024
# A grey PNG of one pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
ASKED_OF_CERTIFICATES = (
    "Content Credentials ask that it is no CA's, may be used for digital signatures, names e-mail protection or "
    "document signing as its purpose, and holds both key identifiers"
)


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


class _Signing:
    """The signing library's view of a signer; it remembers what a callback had to say."""

    def __init__(self, signer: StudioSigner) -> None:
        self.signer = signer
        self.error: BaseException | None = None

    def native(self) -> Any:
        import c2pa

        signer = self.signer
        algorithm = c2pa.C2paSigningAlg[signer.algorithm.upper()]
        if signer.key is None:
            return c2pa.Signer.from_callback(self._called, algorithm, signer.chain, signer.time_stamp)
        address = signer.time_stamp.encode() if signer.time_stamp else None
        info = c2pa.C2paSignerInfo(
            alg=algorithm, sign_cert=signer.chain.encode(), private_key=signer.key.encode(), ta_url=address
        )
        return c2pa.Signer.from_info(info)

    def _called(self, data: bytes) -> bytes:
        assert self.signer.callback is not None
        try:
            return self.signer.callback(data)
        except BaseException as error:
            # Through the library no exception comes back: no bytes stop it, and the error is raised afterwards.
            self.error = error
            return b""


def sign(
    making: Making,
    format: str,
    source: IO[bytes],
    target: IO[bytes],
    marks: PixelMarks,
    signer: StudioSigner | None = None,
) -> bytes:
    """Copy ``source`` to ``target`` with a signed manifest inside, and return the manifest's own bytes.

    Args:
        format: MIME type of both.
        source: open for reading.
        target: open for reading and writing, empty.
        marks: the marks in the pixels.
        signer: None takes the one of the settings (:func:`~datasets.provenance.signers.studio_signer`).

    Raises:
        InputError: an ingredient or the signing settings cannot be read.
        Refused: signing failed, or the time stamp that was asked for could not be had. The caller throws ``target``
            away.
        OSError: the disk is full or ``target`` cannot be written.
    """
    import c2pa

    signer = studio_signer() if signer is None else signer
    check_reachable(signer)
    found = find(making)
    # An original is synthetic where the clip that it copies declares it itself.
    synthetic = making.kind != "original" or any(one.parent and one.synthetic for one in found)
    definition = manifest(making, format, marks, synthetic)
    try:
        made = _signed(definition, found, signer, format, source, target)
    except c2pa.C2paError as error:
        if not any(one.damaged for one in found):
            raise _failure(error, making, signer) from error
        # What is damaged in an ingredient's Credentials can stop the library; named as unreadable, it cannot.
        target.seek(0)
        target.truncate()
        try:
            made = _signed(definition, [one.unread() for one in found], signer, format, source, target)
        except c2pa.C2paError as error:
            raise _failure(error, making, signer) from error
    target.flush()
    return made


@lru_cache(maxsize=8)
def try_signing(signer: StudioSigner) -> None:
    """Sign one pixel and throw it away: what is wrong with a certificate shows before the work begins, not after.

    Raises:
        Refused: the certificate is not one for signing Credentials, or the key does not sign.
    """
    trial = Making("a trial", "none", (), (), {}, "preview")
    sign(trial, "image/png", BytesIO(base64.b64decode(PIXEL)), BytesIO(), PixelMarks(()), signer)


def _signed(
    definition: dict[str, Any],
    found: list[Found],
    signer: StudioSigner,
    format: str,
    source: IO[bytes],
    target: IO[bytes],
) -> bytes:
    import c2pa

    # Context and signer are made anew each time (0.6 ms): they are not shared between threads or over a fork.
    signing, watched = _Signing(signer), _Watched(target)
    definition = definition | {"ingredients": [one.about for one in found if one.kind is None]}
    try:
        with (
            c2pa.Context.from_dict(_settings(source)) as context,
            c2pa.Builder(definition, context=context) as builder,
            signing.native() as native,
        ):
            for one in found:
                add(builder, one)
            made: bytes = builder.sign(native, format, source, watched)
            return made
    except c2pa.C2paError as error:
        for cause in (watched.error, signing.error):
            if cause is not None:
                raise cause from error
        raise


def _failure(error: Exception, making: Making, signer: StudioSigner) -> Exception:
    """The sentence for a signature that the library could not make."""
    said, title = str(error), bare(making.title)
    if f"os error {errno.ENOSPC}" in said:
        return InputError(f"No room left in {tempfile.gettempdir()} for the signing of {title}.")
    if signer.time_stamp is not None and any(word in said.lower() for word in ("http", "time")):
        return unreachable(signer.time_stamp, said)
    asked = f" ({ASKED_OF_CERTIFICATES})" if "certificate is invalid" in said else ""
    return Refused(f"{title} was not written, because it could not be signed with {signer.name}: {said}{asked}.")


def _settings(source: IO[bytes]) -> dict[str, Any]:
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    if size < MERKLE_FROM_BYTES:
        return LIBRARY_SETTINGS
    core = LIBRARY_SETTINGS["core"] | {"merkle_tree_chunk_size_in_kb": MERKLE_LEAF_KB}
    return LIBRARY_SETTINGS | {"core": core}
