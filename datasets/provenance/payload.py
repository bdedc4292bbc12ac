"""What the watermark says and the keys it is written with: 32 random bits and 32 bits that prove who wrote them.

The id is drawn anew for every output and means nothing by itself; the table of records says what it stands for. The 32
bits behind it are a message authentication code (HMAC-SHA256, RFC 2104, cut to its first 4 bytes) under a key derived
from this machine's private one, so that no other machine can write an id that reads as ours, and chance hardly can.
Both together are the message of the error-correcting code in bch.py.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.errors import Refused
from datasets.home import home
from datasets.provenance.bch import LENGTH, MESSAGE, Bits, candidates, correct, encode
from datasets.provenance.keyfolder import make_key_folder

FOLDER, FILE = "watermark", "mark.key"
FORMAT = "counterface-mark-key-1"
SECRET_BYTES = 32
ID_BITS = MAC_BITS = 32
TRIES = 1024
ORDER = 4


@dataclass(frozen=True)
class MarkKey:
    """A key that the watermark is written and read with.

    Attributes:
        secret: 32 bytes; never shown when the key is printed.
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.secret, bytes) or len(self.secret) != SECRET_BYTES:
            raise ValueError(f"a mark key is {SECRET_BYTES} bytes")


PUBLIC_SENTENCE = "Counterface marks every synthetic picture and video; anyone may look for this mark."
# The SHA-256 of the sentence above: a number that nobody chose. It finds that a mark is there and proves nothing else.
PUBLIC_KEY = MarkKey(bytes.fromhex("e04db31e6999cef0b16d6da56e0ed2e183d606681bbe89750d42ee9685042ce6"))


@dataclass(frozen=True)
class ReadCode:
    """An id that was read and whose authentication code holds.

    Attributes:
        mark_id: the id, 0 to 2^32 - 1.
        corrected: of the 127 bits, how many had been read as the other one (erased ones not counted).
        tried: how many code words were tried against the key, this one included.
        false_alarm: a bound of the chance that soft values without a mark give any id after at most so many tries:
            tried / 2^32, as each wrong message holds with the chance 2^-32. A caller that reads a file in several
            ways (mirrored, cropped) multiplies it by the number of readings.
    """

    mark_id: int
    corrected: int
    tried: int
    false_alarm: float


def new_id() -> int:
    """A random id, 0 to 2^32 - 1."""
    return secrets.randbits(ID_BITS)


def id_text(mark_id: int) -> str:
    """The id as people and manifests see it: 8 lower-case hexadecimal digits."""
    return f"{_checked(mark_id):08x}"


def derived(key: MarkKey, purpose: str) -> bytes:
    """32 bytes for one purpose, from which neither the key nor those of another purpose can be found.

    HKDF-Expand (RFC 5869) with SHA-256; the key is uniformly random, so that the extract step is not needed (3.3).
    """
    return hmac.digest(key.secret, f"org.counterface.watermark.1/{purpose}".encode() + b"\x01", "sha256")


def code_bits(mark_id: int, key: MarkKey) -> Bits:
    """The 127 bits that the watermark carries for an id, uint8 of 0 and 1.

    Raises:
        ValueError: the id has more than 32 bits.
    """
    message = _checked(mark_id).to_bytes(4, "big") + _mac(mark_id, derived(key, "mac"))
    return encode(np.unpackbits(np.frombuffer(message, np.uint8)))


def read_code(soft: NDArray[np.floating], key: MarkKey, order: int = ORDER, tries: int = TRIES) -> ReadCode | None:
    """The id that soft values carry, or None when no likely code word holds against the key.

    Any 10 wrong bits are corrected whatever the soft values say; beyond them the likeliest code words are tried, best
    first, at most ``tries``, so that an unmarked reading gives an id with a chance of tries / 2^32 (2.4e-7 for 1,024).
    The authentication code therefore does more than check: it picks the right word where it is not the likeliest one.

    Args:
        soft: (127,) finite; above 0 means bit 1, the size is the reliability, 0 an erasure.
        order: how far the soft decoder searches (see bch.candidates): 4 takes some 25 ms, 5 some 200 ms and finds a
            little more in very weak marks.

    Raises:
        ValueError: wrong shape, or a value that is not finite.
    """
    soft = np.asarray(soft, np.float64)
    if soft.shape != (LENGTH,) or not np.isfinite(soft).all():
        raise ValueError(f"soft values are {LENGTH} finite numbers, these are {soft.shape}")
    hard = (soft > 0).astype(np.uint8)
    mac_key, tried = derived(key, "mac"), 0
    near = correct(hard)
    if near is not None:
        tried = 1
        if (mark_id := _proven(near, mac_key)) is not None:
            return _read(mark_id, near, soft, tried)
    if not soft.any():
        return None
    for word in candidates(soft, order, max(tries, 1)):
        if near is not None and (word == near).all():
            continue
        if tried >= tries:
            break
        tried += 1
        if (mark_id := _proven(word, mac_key)) is not None:
            return _read(mark_id, word, soft, tried)
    return None


def mark_key() -> MarkKey:
    """This machine's private key, made on first use.

    Two processes that come first together end with the same one: each makes its own folder aside, and only one rename
    can succeed. A damaged key is never replaced, because ids written with it could then no longer be read.

    Raises:
        Refused: the key cannot be made, read, or is damaged.
    """
    folder = home("config") / FOLDER
    try:
        if not folder.exists():
            make_key_folder(folder, {FILE: _new_key_file()})
        return _load(folder)
    except OSError as error:
        raise Refused(
            f"The watermark's key in {folder} cannot be made or read ({error}); make the folder readable and writable, "
            "or set COUNTERFACE_HOME to another one."
        ) from error


def existing_mark_key() -> MarkKey | None:
    """This machine's private key, or None when nothing was marked here yet. Makes nothing.

    Raises:
        Refused: there is one, but it cannot be read or is damaged.
    """
    try:
        there = (home("config") / FOLDER).exists()
    except OSError:
        there = True
    return mark_key() if there else None


def _checked(mark_id: int) -> int:
    if not 0 <= mark_id < 1 << ID_BITS:
        raise ValueError(f"an id has {ID_BITS} bits, this is {mark_id}")
    return int(mark_id)


def _mac(mark_id: int, mac_key: bytes) -> bytes:
    return hmac.digest(mac_key, mark_id.to_bytes(4, "big"), "sha256")[: MAC_BITS // 8]


def _proven(word: Bits, mac_key: bytes) -> int | None:
    message = np.packbits(word[:MESSAGE]).tobytes()
    mark_id = int.from_bytes(message[:4], "big")
    return mark_id if _mac(mark_id, mac_key) == message[4:] else None


def _read(mark_id: int, word: Bits, soft: NDArray[np.floating], tried: int) -> ReadCode:
    corrected = int(np.count_nonzero(((soft > 0) != word) & (soft != 0)))
    return ReadCode(mark_id, corrected, tried, tried / 2**MAC_BITS)


def _load(folder: Path) -> MarkKey:
    words = (folder / FILE).read_text(encoding="ascii", errors="replace").split()
    try:
        name, digits, check = words
        key = MarkKey(bytes.fromhex(digits))
        if name != FORMAT or check != _checksum(key):
            raise ValueError
    except ValueError:
        raise Refused(
            f"The watermark's key in {folder / FILE} is damaged; put a copy of it back, or move {folder} away and a "
            "new one is made, with which the ids of what was marked so far cannot be read."
        ) from None
    return key


def _new_key_file() -> str:
    key = MarkKey(secrets.token_bytes(SECRET_BYTES))
    return f"{FORMAT} {key.secret.hex()} {_checksum(key)}\n"


def _checksum(key: MarkKey) -> str:
    return hashlib.sha256(f"{FORMAT}/checksum/".encode() + key.secret).hexdigest()[:8]
