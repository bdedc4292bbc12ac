"""The error-correcting code of the watermark: binary BCH(127,64), which corrects any 10 wrong bits, and more when the
reader says how sure it is of each.

Primitive and narrow-sense over GF(2^7) with the primitive polynomial x^7 + x^3 + 1: the generator has the roots
a^1 ... a^20, degree 63 (Lin & Costello, Error Control Coding, 2nd ed. 2004, ch. 6 and app. C; there in octal
1206534025570773100045). Systematic: the 64 message bits stand first, as the highest powers of x.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

LENGTH, MESSAGE, CORRECTS = 127, 64, 10
CHECKS = LENGTH - MESSAGE
PRIMITIVE = 0b10001001
MAX_ORDER = 5

Bits = NDArray[np.uint8]


def encode(message: Bits) -> Bits:
    """The code word of a message.

    Args:
        message: (..., 64) uint8 of 0 and 1.

    Returns:
        (..., 127) uint8 of 0 and 1: the message, then 63 check bits.
    """
    message = np.asarray(message)
    if message.shape[-1:] != (MESSAGE,):
        raise ValueError(f"a message has {MESSAGE} bits, this is {message.shape}")
    return _words(message, _generator())


def correct(word: Bits) -> Bits | None:
    """Hard decoding: the one code word at most 10 bits away, or None when there is none.

    Berlekamp-Massey and a search for the roots (Massey 1969, Shift-register synthesis and BCH decoding; Chien 1964).

    Args:
        word: (127,) uint8 of 0 and 1.

    Returns:
        (127,) uint8.
    """
    if np.shape(word) != (LENGTH,):
        raise ValueError(f"a word has {LENGTH} bits, this is {np.shape(word)}")
    power, log = _field()
    present = LENGTH - 1 - np.flatnonzero(word)  # exponents of x
    roots = np.arange(1, 2 * CORRECTS + 1)
    syndromes = np.bitwise_xor.reduce(power[np.outer(roots, present) % LENGTH], axis=1, initial=0).tolist()

    def product(a: int, b: int) -> int:
        return int(power[(log[a] + log[b]) % LENGTH]) if a and b else 0

    size = 2 * CORRECTS + 1
    locator, before, length, shift, scale = [1] + [0] * size, [1] + [0] * size, 0, 1, 1
    for step, syndrome in enumerate(syndromes):
        gap = syndrome
        for i in range(1, length + 1):
            gap ^= product(locator[i], syndromes[step - i])
        if not gap:
            shift += 1
            continue
        factor = int(power[(log[gap] - log[scale]) % LENGTH])
        longer = locator.copy()
        for i in range(size + 1 - shift):
            longer[i + shift] ^= product(factor, before[i])
        if 2 * length <= step:
            before, length, scale, shift = locator, step + 1 - length, gap, 1
        else:
            shift += 1
        locator = longer
    if length > CORRECTS:
        return None
    exponents, terms = np.arange(LENGTH), [i for i, value in enumerate(locator) if value]
    values = np.bitwise_xor.reduce([power[(log[locator[i]] - i * exponents) % LENGTH] for i in terms], axis=0)
    wrong = exponents[values == 0]
    if len(wrong) != length or max(terms) != length:
        return None
    mended = np.array(word, np.uint8)
    mended[LENGTH - 1 - wrong] ^= 1
    return mended


def candidates(soft: NDArray[np.floating], order: int = 3, limit: int = 1024) -> Bits:
    """Soft decoding: the likeliest code words, best first, by ordered statistics.

    The 64 most reliable independent positions are taken as they were read, and again with every choice of up to
    `order` of them flipped; each choice gives one code word (Fossorier & Lin 1995, Soft-decision decoding of linear
    block codes based on ordered statistics). They are ranked by the reliability of all that they contradict, which for
    Gaussian noise is the order of likelihood.

    Args:
        soft: (127,) finite; above 0 means bit 1, the size is the reliability in any unit (proportional to the log
            likelihood ratio), 0 an erasure.
        order: 0 to 5. The work grows about tenfold with each step; 5 tries 8.3 million.
        limit: at most so many code words are returned.

    Returns:
        (n, 127) uint8, n <= limit; all different.

    Raises:
        ValueError: wrong shape, a value that is not finite, or an order outside 0 to 5.
    """
    soft = np.asarray(soft, np.float64)
    if soft.shape != (LENGTH,) or not np.isfinite(soft).all():
        raise ValueError(f"soft values are {LENGTH} finite numbers, these are {soft.shape}")
    if not 0 <= order <= MAX_ORDER or limit < 1:
        raise ValueError(f"the order is 0 to {MAX_ORDER} and the limit at least 1, not {order} and {limit}")
    largest = np.abs(soft).max()
    reliability = np.abs(soft) / largest if largest > 0 else np.zeros(LENGTH)
    hard = (soft > 0).astype(np.uint8)
    matrix, basis, rest = _most_reliable_basis(np.argsort(-reliability, kind="stable"))
    start = _words(hard[basis], matrix)
    flips = _flips(matrix[:, rest], start[rest] ^ hard[rest], reliability[basis], reliability[rest], order, limit)
    message = np.zeros((len(flips), MESSAGE + 1), np.uint8)
    message[np.arange(len(flips))[:, None], flips] = 1
    words = _words(message[:, :MESSAGE] ^ hard[basis], matrix)
    return words[np.argsort((words != hard) @ reliability, kind="stable")]


def _words(message: Bits, matrix: Bits) -> Bits:
    # Sums of at most 64 ones are exact in float32, and that product is many times faster than one of integers.
    return ((message.astype(np.float32) @ matrix.astype(np.float32)).astype(np.int32) & 1).astype(np.uint8)


@lru_cache(maxsize=1)
def _field() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Powers of a (127,), and logarithms (128,; that of 0 is never asked for)."""
    power, log, value = np.zeros(LENGTH, np.int64), np.zeros(LENGTH + 1, np.int64), 1
    for exponent in range(LENGTH):
        power[exponent], log[value] = value, exponent
        value <<= 1
        value ^= PRIMITIVE * (value >> 7)
    return power, log


@lru_cache(maxsize=1)
def _generator() -> Bits:
    """The systematic generator matrix, (64, 127)."""
    power, log = _field()
    # The product of the minimal polynomials is the product over all conjugates (a^r)^(2^j) of the roots.
    polynomial = [1]
    for root in sorted({r * 2**j % LENGTH for r in range(1, 2 * CORRECTS + 1) for j in range(7)}):
        times = [int(power[(log[c] + root) % LENGTH]) if c else 0 for c in polynomial]
        polynomial = [a ^ b for a, b in zip([0, *polynomial], [*times, 0], strict=True)]
    generator = sum(c << i for i, c in enumerate(polynomial))
    rows = []
    for i in range(MESSAGE):
        remainder = 1 << (LENGTH - 1 - i)
        for degree in range(LENGTH - 1 - i, CHECKS - 1, -1):
            if remainder >> degree & 1:
                remainder ^= generator << (degree - CHECKS)
        rows.append([int(digit) for digit in f"{1 << (LENGTH - 1 - i) | remainder:0{LENGTH}b}"])
    return np.array(rows, np.uint8)


def _most_reliable_basis(by_reliability: NDArray[np.intp]) -> tuple[Bits, NDArray[np.intp], NDArray[np.intp]]:
    """The generator matrix (64, 127) with the unit matrix at the first independent positions, those, and the others."""
    packed = np.packbits(_generator()[:, by_reliability], axis=1)
    rows = [int.from_bytes(row.tobytes(), "big") for row in packed]
    columns: list[int] = []
    for column in range(LENGTH):
        bit, done = 1 << (LENGTH - column), len(columns)
        found = next((i for i in range(done, MESSAGE) if rows[i] & bit), None)
        if found is None:
            continue
        pivot, rows[found] = rows[found], rows[done]
        rows = [row ^ pivot if row & bit else row for row in rows]
        rows[done] = pivot
        columns.append(column)
        if len(columns) == MESSAGE:
            break
    reduced = np.unpackbits(np.array([list(row.to_bytes(16, "big")) for row in rows], np.uint8), axis=1)[:, :LENGTH]
    matrix = np.empty_like(reduced)
    matrix[:, by_reliability] = reduced
    return matrix, by_reliability[columns], np.delete(by_reliability, columns)


@lru_cache(maxsize=4)
def _choices(order: int) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """Every choice of `order` of the 64 positions, sorted, and where those begin whose first is at least i (65,)."""
    chosen = np.array(list(combinations(range(MESSAGE), order)), np.uint8).reshape(comb(MESSAGE, order), order)
    first = chosen[:, 0] if order else np.zeros(1, np.uint8)
    return chosen, np.searchsorted(first, np.arange(MESSAGE + 1))


def _flips(
    checks: Bits, syndrome: Bits, basis_cost: NDArray, check_cost: NDArray, order: int, limit: int
) -> NDArray[np.uint8]:
    """The cheapest choices of basis positions to flip, (n, order) uint8 filled up with 64; in no order.

    A choice of 4 or 5 is a head of one or two and a tail of three behind it, so that only the tails are kept. The cost
    of 16 check bits at a time is looked up; what the flips alone already make too dear is not looked up at all.
    """
    rows, start = _packed(checks), _packed(syndrome[None])[0]
    tables = _cost_tables(check_cost)
    basis_cost = basis_cost.astype(np.float32)
    best, flips = np.empty(0, np.float32), np.empty((0, max(order, 1)), np.uint8)
    for size in range(order + 1):
        heads, _ = _choices(max(size - 3, 0))
        tails, begins = _choices(min(size, 3))
        tail_rows = np.bitwise_xor.reduce(rows[tails], axis=1) if size else np.zeros(1, np.uint64)
        tail_cost = basis_cost[tails].sum(axis=1, dtype=np.float32)
        for head in heads[::-1]:  # the least reliable first: they find the cheap ones
            begin = begins[int(head[-1]) + 1] if len(head) else 0
            worst = best.max() if len(best) >= limit else np.float32(np.inf)
            head_cost = basis_cost[head].sum(dtype=np.float32)
            keep = begin + np.flatnonzero(tail_cost[begin:] + head_cost < worst)
            if not len(keep):
                continue
            pattern = tail_rows[keep] ^ (start ^ np.bitwise_xor.reduce(rows[head], initial=np.uint64(0)))
            parts = pattern.view(np.uint16).reshape(-1, 4)
            cost = tail_cost[keep] + head_cost
            for part in range(4):
                cost += tables[part][parts[:, part]]
            cheap = np.flatnonzero(cost < worst)
            if not len(cheap):
                continue
            new = np.full((len(cheap), flips.shape[1]), MESSAGE, np.uint8)
            new[:, : len(head)] = head
            new[:, len(head) : size] = tails[keep[cheap]]
            best, flips = np.concatenate((best, cost[cheap])), np.concatenate((flips, new))
            if len(best) > limit:
                kept = np.argpartition(best, limit - 1)[:limit]
                best, flips = best[kept], flips[kept]
    return flips


def _packed(bits: Bits) -> NDArray[np.uint64]:
    """Rows of 63 bits as one number each, of four parts of 16 whose first bit is the highest."""
    padded = np.pad(bits, ((0, 0), (0, 64 - bits.shape[1])))
    packed = np.ascontiguousarray(np.packbits(padded, axis=1))
    return packed.view(">u2").astype(np.uint16).view(np.uint64)[:, 0]


def _cost_tables(cost: NDArray) -> NDArray[np.float32]:
    """The summed cost of any 16 neighbouring check bits, (4, 65536)."""
    parts = np.pad(cost, (0, 64 - len(cost))).astype(np.float32).reshape(4, 16)
    table = np.zeros((4, 1), np.float32)
    for bit in range(15, -1, -1):
        table = np.concatenate((table, table + parts[:, bit : bit + 1]), axis=1)
    return table
