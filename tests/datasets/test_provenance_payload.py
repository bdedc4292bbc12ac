"""Id, authentication code and keys: what was written is read, what was not is not, and no key is lost or shown."""

from __future__ import annotations

import hashlib
import multiprocessing
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.errors import Refused
from datasets.home import home
from datasets.provenance.bch import LENGTH, MESSAGE, candidates, encode
from datasets.provenance.payload import (
    PUBLIC_KEY,
    PUBLIC_SENTENCE,
    TRIES,
    MarkKey,
    code_bits,
    derived,
    existing_mark_key,
    id_text,
    mark_key,
    new_id,
    read_code,
)

KEY, OTHER = MarkKey(bytes(range(32))), MarkKey(bytes(range(1, 33)))
IDS = st.integers(0, 2**32 - 1)


@pytest.fixture
def fresh_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def soft(mark_id: int, strength: float = 1.0, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    clean = (2.0 * code_bits(mark_id, KEY) - 1) * strength
    return clean + noise * np.random.default_rng(seed).normal(size=LENGTH)


@given(IDS, st.permutations(range(LENGTH)), st.integers(0, 10))
def test_an_id_is_read_back_with_up_to_ten_bits_wrong(mark_id: int, places: list[int], wrong: int) -> None:
    values = soft(mark_id)
    values[places[:wrong]] *= -1
    read = read_code(values, KEY)
    assert read is not None and (read.mark_id, read.corrected, read.tried) == (mark_id, wrong, 1)
    assert read.false_alarm == 2**-32


@settings(deadline=None, max_examples=20)
@given(IDS, st.integers(0, 1000))
def test_an_id_is_read_back_from_much_noise(mark_id: int, seed: int) -> None:
    read = read_code(soft(mark_id, 1.75, 1, seed), KEY)
    assert read is not None and read.mark_id == mark_id and read.false_alarm <= TRIES / 2**32


def test_erased_bits_are_filled_in_and_not_counted_as_wrong() -> None:
    values = soft(99)
    values[5:25] = 0
    read = read_code(values, KEY)
    assert read is not None and (read.mark_id, read.corrected) == (99, 0)


def test_the_key_picks_the_right_word_where_another_is_likelier() -> None:
    seen = 0
    for seed in range(200):
        values = soft(4242, 1.1, 1, seed)
        first = candidates(values, 2, 1)[0]
        read = read_code(values, KEY, 2)
        if read is not None and (first != code_bits(4242, KEY)).any() and read.tried > 1:
            assert read.mark_id == 4242 and read.tried <= TRIES
            assert read.false_alarm == read.tried / 2**32
            seen += 1
    assert seen >= 3


@given(IDS)
def test_another_key_reads_nothing(mark_id: int) -> None:
    assert read_code(soft(mark_id), OTHER, 1) is None
    assert (code_bits(mark_id, KEY) != code_bits(mark_id, OTHER)).any()


def test_noise_erased_values_and_forged_codes_read_as_nothing() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        assert read_code(random.normal(size=LENGTH), KEY) is None
    assert read_code(np.zeros(LENGTH), KEY) is None
    assert read_code(-np.ones(LENGTH), KEY) is None
    for _ in range(200):
        word = encode(random.integers(0, 2, MESSAGE, dtype=np.uint8))
        assert read_code(2.0 * word - 1, KEY, 1) is None


def test_no_more_words_are_tried_than_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets.provenance import payload

    tried: list[bytes] = []
    monkeypatch.setattr(payload, "_proven", lambda word, key: tried.append(word.tobytes()))
    values = soft(1)
    values[:10] *= -1
    assert read_code(values, KEY) is None
    assert len(tried) == len(set(tried)) == TRIES


def test_values_that_are_no_numbers_are_refused() -> None:
    for values in (np.full(LENGTH, np.nan), np.r_[np.inf, np.ones(LENGTH - 1)], np.ones(LENGTH + 1)):
        with pytest.raises(ValueError, match="finite"):
            read_code(values, KEY)


def test_the_message_is_the_id_and_its_code() -> None:
    packed = np.packbits(code_bits(0x01020304, KEY)[:64]).tobytes()
    assert packed[:4] == bytes([1, 2, 3, 4])
    assert code_bits(1, KEY).dtype == np.uint8
    codes = {np.packbits(code_bits(i, KEY)[32:64]).tobytes() for i in range(200)}
    assert len(codes) == 200


def test_ids_are_random_and_have_eight_digits() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) >= 999 and all(0 <= i < 2**32 for i in ids)
    assert id_text(0x00ABCDEF) == "00abcdef" and id_text(2**32 - 1) == "ffffffff"
    for wrong in (-1, 2**32):
        with pytest.raises(ValueError, match="32 bits"):
            id_text(wrong)
        with pytest.raises(ValueError, match="32 bits"):
            code_bits(wrong, KEY)


def test_the_public_key_is_the_hash_of_its_sentence() -> None:
    assert hashlib.sha256(PUBLIC_SENTENCE.encode()).digest() == PUBLIC_KEY.secret


def test_a_derived_key_is_that_of_the_standard() -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

    info = b"org.counterface.watermark.1/chips"
    assert derived(KEY, "chips") == HKDFExpand(hashes.SHA256(), 32, info).derive(KEY.secret)
    assert len({derived(key, purpose) for key in (KEY, OTHER, PUBLIC_KEY) for purpose in ("chips", "mac", "")}) == 9


def test_a_key_never_shows_itself() -> None:
    assert KEY.secret.hex() not in repr(KEY) and repr(KEY.secret) not in repr(KEY)
    for wrong in (b"", bytes(31), "a" * 32):
        with pytest.raises(ValueError, match="32 bytes"):
            MarkKey(wrong)  # type: ignore[arg-type]


def test_the_key_is_made_once_and_only_the_user_can_read_it(fresh_home: Path) -> None:
    assert existing_mark_key() is None and not fresh_home.exists()
    key = mark_key()
    assert mark_key() == key == existing_mark_key() and key != PUBLIC_KEY
    (file,) = (path for path in fresh_home.rglob("*") if path.is_file())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [path.name for path in home("config").iterdir()] == ["watermark"]


def test_processes_that_come_first_together_share_one_key(fresh_home: Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert len({key.secret for key in pool.starmap(mark_key, [()] * 8)}) == 1
    assert [path.name for path in home("config").iterdir()] == ["watermark"]


def test_without_a_place_for_the_key_nothing_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path / "file"))
    with pytest.raises(Refused, match="COUNTERFACE_HOME"):
        mark_key()


@pytest.mark.parametrize("damage", ["empty", "cut", "a digit", "binary", "another format"])
def test_a_damaged_key_is_refused_and_stays(fresh_home: Path, damage: str) -> None:
    mark_key()
    file = home("config") / "watermark" / "mark.key"
    text = file.read_bytes()
    changed = {
        "empty": b"",
        "cut": text[:50],
        "a digit": text[:30] + (b"0" if text[30:31] != b"0" else b"1") + text[31:],
        "binary": b"\xff\x00" * 40,
        "another format": text.replace(b"key-1", b"key-2"),
    }[damage]
    file.write_bytes(changed)
    for read in (mark_key, existing_mark_key):
        with pytest.raises(Refused, match="damaged"):
            read()
    assert file.read_bytes() == changed


@pytest.mark.parametrize("instead", ["nothing", "a folder"])
def test_a_key_that_cannot_be_read_is_refused_and_none_is_made(fresh_home: Path, instead: str) -> None:
    mark_key()
    file = home("config") / "watermark" / "mark.key"
    file.unlink()
    if instead == "a folder":
        file.mkdir()
    for read in (mark_key, existing_mark_key):
        with pytest.raises(Refused, match="made or read"):
            read()
    assert file.is_dir() == file.exists() == (instead == "a folder")
