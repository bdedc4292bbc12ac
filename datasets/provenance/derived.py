"""Watermark ids that a build can find again: as random as drawn ones to everybody else, the same when it is repeated.

HMAC-SHA256 (RFC 2104) under this machine's private mark key: nobody without the key can foresee an id, or learn from it
what a clip is.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from datasets.provenance.payload import id_text, mark_key


def derived_ids(context: str, names: Iterable[str]) -> dict[str, str]:
    """An id for each name, 8 hex digits, no two alike.

    Args:
        context: what the names belong to, such as the hash of a recipe.
        names: in any order; each id depends on the others only where two would have been alike.

    Raises:
        Refused: the machine's key cannot be read or made.
    """
    secret, found, taken = mark_key().secret, dict[str, str](), set[str]()
    for name in sorted(names):
        turn = 0
        while True:
            text = f"counterface data set\n{context}\n{name}\n{turn}".encode()
            drawn = id_text(int.from_bytes(hmac.new(secret, text, hashlib.sha256).digest()[:4]))
            if drawn not in taken:
                break
            turn += 1
        taken.add(drawn)
        found[name] = drawn
    return found
