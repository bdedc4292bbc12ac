"""BCH(127,64): the code that tables and another library know, ten errors always, and soft values for more."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.provenance.bch import LENGTH, MAX_ORDER, MESSAGE, Bits, candidates, correct, encode

# Code words that the library galois 0.4.11 gives for its BCH(127, 64), as numbers whose highest bit comes first.
GALOIS = {
    "0000000000000001": "0000000000000000a1ab815bc7ec8025",
    "8000000000000000": "400000000000000050d5c0ade3f64012",
    "0123456789abcdef": "0091a2b3c4d5e6f7c2d26b5cc6d55eda",
    "deadbeefcafef00d": "6f56df77e57f7806dfb6c436bc75cf28",
    "ffffffffffffffff": "7fffffffffffffffffffffffffffffff",
}
MESSAGES = st.integers(0, 2**MESSAGE - 1)
PLACES = st.permutations(range(LENGTH))


def bits(number: int, length: int) -> Bits:
    return np.array([int(digit) for digit in f"{number:0{length}b}"], np.uint8)


def number(word: Bits) -> int:
    return int("".join(map(str, word)), 2)


def times(a: int, b: int) -> int:
    """The product in GF(2^7) modulo x^7 + x^3 + 1, by hand."""
    result = 0
    while b:
        result ^= a * (b & 1)
        a, b = a << 1, b >> 1
        a ^= 0b10001001 * (a >> 7)
    return result


def noisy(word: Bits, strength: float, seed: int) -> np.ndarray:
    """Soft values whose mean is `strength` standard deviations."""
    return (2.0 * word - 1) * strength + np.random.default_rng(seed).normal(size=LENGTH)


def has(words: Bits, word: Bits) -> bool:
    return bool((words == word).all(axis=1).any())


@pytest.mark.parametrize("message", GALOIS)
def test_code_words_are_those_of_another_library(message: str) -> None:
    assert number(encode(bits(int(message, 16), MESSAGE))) == int(GALOIS[message], 16)


def test_the_generator_is_the_published_one() -> None:
    assert number(encode(bits(1, MESSAGE))) == 0o1206534025570773100045


@given(MESSAGES)
def test_every_code_word_has_the_twenty_roots_and_begins_with_its_message(message: int) -> None:
    word = encode(bits(message, MESSAGE))
    assert number(word[:MESSAGE]) == message
    root = 1
    for _ in range(20):
        root, value = times(root, 2), 0
        for bit in word.tolist():
            value = times(value, root) ^ bit
        assert value == 0


def test_many_are_encoded_at_once() -> None:
    messages = np.random.default_rng(0).integers(0, 2, (3, 5, MESSAGE), dtype=np.uint8)
    words = encode(messages)
    assert words.shape == (3, 5, LENGTH) and words.dtype == np.uint8
    assert (words[1, 2] == encode(messages[1, 2])).all()


@given(MESSAGES, PLACES, st.integers(0, 10))
def test_up_to_ten_wrong_bits_are_always_corrected(message: int, places: list[int], wrong: int) -> None:
    word = encode(bits(message, MESSAGE))
    read = word.copy()
    read[places[:wrong]] ^= 1
    before = read.copy()
    mended = correct(read)
    assert mended is not None and (mended == word).all() and (read == before).all()


@given(MESSAGES, PLACES, st.integers(11, 60))
def test_more_wrong_bits_give_nothing_or_a_code_word_within_ten(message: int, places: list[int], wrong: int) -> None:
    read = encode(bits(message, MESSAGE))
    read[places[:wrong]] ^= 1
    mended = correct(read)
    assert mended is None or ((mended != read).sum() <= 10 and (encode(mended[:MESSAGE]) == mended).all())


@settings(deadline=None)
@given(MESSAGES, PLACES, st.integers(0, 20))
def test_up_to_twenty_erased_bits_are_always_filled_in(message: int, places: list[int], erased: int) -> None:
    word = encode(bits(message, MESSAGE))
    soft = 2.0 * word - 1
    soft[places[:erased]] = 0
    assert (candidates(soft, 0, 1)[0] == word).all()


@pytest.mark.parametrize("order", range(MAX_ORDER))
def test_candidates_are_different_code_words_best_first(order: int) -> None:
    soft = noisy(encode(bits(12345, MESSAGE)), 0.9, order)
    found = candidates(soft, order, 200)
    assert found.shape == (min(200, [1, 65, 200, 200, 200][order]), LENGTH) and found.dtype == np.uint8
    assert (encode(found[:, :MESSAGE]) == found).all() and len(np.unique(found, axis=0)) == len(found)
    contradicted = ((found != (soft > 0)) * np.abs(soft)).sum(axis=1)
    assert (np.diff(contradicted) >= -1e-9).all()
    assert (candidates(soft * 1e-200, order, 200) == found).all(), "only the proportions count"


@pytest.mark.parametrize("order", [1, 2, 3])
def test_no_choice_of_flips_is_missed(order: int) -> None:
    soft = np.random.default_rng(order).normal(size=LENGTH)
    soft[:MESSAGE] += 3 * np.sign(soft[:MESSAGE])  # so that the flips are those of the message
    hard = (soft > 0).astype(np.uint8)
    flipped = [list(chosen) for size in range(order + 1) for chosen in combinations(range(MESSAGE), size)]
    messages = np.repeat(hard[None, :MESSAGE], len(flipped), axis=0)
    for message, chosen in zip(messages, flipped, strict=True):
        message[chosen] ^= 1
    words = encode(messages)
    contradicted = (words != hard) @ np.abs(soft)
    limit = min(50, len(words))
    expected = words[np.argsort(contradicted)[:limit]]
    assert (candidates(soft, order, limit) == expected).all()


@pytest.mark.parametrize("order", range(MAX_ORDER + 1))
def test_as_many_wrong_among_the_most_reliable_as_the_order_says(order: int) -> None:
    word = encode(bits(2**63 + 98765, MESSAGE))
    soft = (2.0 * word - 1) * np.r_[np.linspace(1.2, 1.1, MESSAGE), np.linspace(1, 0.5, LENGTH - MESSAGE)]
    soft[np.random.default_rng(order).permutation(MESSAGE)[:order]] *= -1
    assert (candidates(soft, order, 1)[0] == word).all()
    assert order == 0 or not has(candidates(soft, order - 1, 1000), word)


def test_soft_values_carry_further_than_hard_ones() -> None:
    """At a mean of 1.5 standard deviations some 8.5 bits are wrong: hard decoding fails on a quarter, soft on none."""
    failed = []
    for seed in range(40):
        word = encode(np.random.default_rng(seed).integers(0, 2, MESSAGE, dtype=np.uint8))
        soft = noisy(word, 1.5, seed)
        mended = correct((soft > 0).astype(np.uint8))
        failed.append((mended is None or not (mended == word).all(), not has(candidates(soft, 3), word)))
    assert [sum(kind) for kind in zip(*failed, strict=True)][1] == 0 < sum(hard for hard, _ in failed)


def test_very_unequal_reliabilities() -> None:
    word = encode(bits(777, MESSAGE))
    soft = (2.0 * word - 1) * 10.0 ** np.random.default_rng(0).uniform(-30, 30, LENGTH)
    weakest = np.argsort(np.abs(soft))[:40]
    soft[weakest] *= -1
    soft[weakest[:10]] = 0
    assert has(candidates(soft, 2), word)


def test_nothing_read_is_no_error() -> None:
    assert candidates(np.zeros(LENGTH), 2, 10).shape == (10, LENGTH)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(value: float) -> None:
    soft = np.ones(LENGTH)
    soft[5] = value
    with pytest.raises(ValueError, match="finite"):
        candidates(soft)


def test_other_shapes_and_orders_are_refused() -> None:
    for call in (
        lambda: candidates(np.ones(126)),
        lambda: candidates(np.ones(LENGTH), MAX_ORDER + 1),
        lambda: candidates(np.ones(LENGTH), 1, 0),
        lambda: encode(np.ones(63, np.uint8)),
        lambda: correct(np.ones(126, np.uint8)),
    ):
        with pytest.raises(ValueError, match=r"message|finite|order|bits"):
            call()
