"""Near-duplicates: the same scene in two splits, found by a perceptual hash of a few frames of each clip.

The hash is the sign of the lowest 8 x 8 cosines of a small grey picture against their median (Zauner, 2010, "pHash"):
scaling, compression and a changed face move few of its 64 bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

SIDE, LOW = 32, 8
NEAR = 6  # of 64 bits
SHARED = 2  # frames of each that must have a near one in the other


def picture_hash(image: np.ndarray) -> int:
    """64 bits of a uint8 RGB HxWx3 picture."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small)[:LOW, :LOW].ravel()
    bits = low > np.median(low[1:])
    return int("".join("1" if bit else "0" for bit in bits), 2)


def near_duplicates(
    hashes: Mapping[str, Sequence[int]], group: Mapping[str, str], near: int = NEAR, shared: int = SHARED
) -> list[tuple[str, str]]:
    """Clips of different groups that show the same scene: in each, ``shared`` frames that have a near one in the other.

    Args:
        hashes: of frames of each clip.
        group: of each clip, such as its split; clips of one group are not compared.
        near: bits in which two frames may differ.

    Returns:
        Pairs of names, sorted.
    """
    names = sorted(name for name, own in hashes.items() if own)
    if not names:
        return []
    bits = np.concatenate([_bits(hashes[name]) for name in names])
    owner = np.repeat(np.arange(len(names)), [len(hashes[name]) for name in names])
    groups = np.array([group[name] for name in names])
    ones = bits.sum(1)
    found: dict[tuple[int, int], tuple[set[int], set[int]]] = {}
    for start in range(0, len(bits), 1024):
        part = bits[start : start + 1024]
        away = ones[start : start + 1024, None] + ones[None] - 2 * part @ bits.T
        for row, column in zip(*np.nonzero(away <= near), strict=True):
            one, other = int(owner[start + row]), int(owner[column])
            if one < other and groups[one] != groups[other]:
                mine, theirs = found.setdefault((one, other), (set(), set()))
                mine.add(start + int(row))
                theirs.add(int(column))
    kept = [pair for pair, (mine, theirs) in found.items() if min(len(mine), len(theirs)) >= shared]
    return sorted((names[one], names[other]) for one, other in kept)


def _bits(hashes: Sequence[int]) -> np.ndarray:
    """float32 (N, 64) of 0 and 1."""
    raw = np.array([list(value.to_bytes(8)) for value in hashes], dtype=np.uint8)
    return np.unpackbits(raw, axis=1).astype(np.float32)
