"""The manifest: what is written comes back, both forms agree, and what was edited is noticed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.errors import InputError
from datasets.manifest import ClipRow, Index, LabelledFace, is_dataset, read_clips, read_faces, read_index, write_tables

CLIP = ClipRow(
    "a", "raw", "videos/raw/a.mp4", "real", "anna", "train", crf=0, frames=3, rate=25.0, consent=("1f", "2e")
)
FAKE = replace(
    CLIP, clip="a-b-m", label="fake", method="m", source="bert", original="a", seed=4, mask="masks/a-b-m.mkv"
)
FACE = LabelledFace("a", 0, 0.04, 1, "real", "train", (1.0, 2.0, 3.5, 4.0), (0.5,) * 10, (1.0, 0.0, 2.0, 0.0, 1.0, 3.0))
INDEX = Index("a set", "built", "a test", consent={"1f": {"who": "anna"}})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tables(tmp_path, [CLIP, FAKE], [FACE, replace(FACE, clip="a-b-m", source="bert")], INDEX)
    return tmp_path


def test_rows_come_back(folder: Path) -> None:
    assert is_dataset(folder)
    assert list(read_clips(folder)) == [CLIP, FAKE]
    assert [face.clip for face in read_faces(folder)] == ["a", "a-b-m"]
    assert list(read_faces(folder, ["a"])) == [FACE]
    assert read_index(folder).consent == INDEX.consent


def test_both_forms_hold_the_same(folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "clips.jsonl").read_text().splitlines()]
    kept = [ClipRow(**{k: tuple(v) if isinstance(v, list) else v for k, v in line.items()}) for line in lines]
    assert kept == list(read_clips(folder))


def test_the_same_rows_are_the_same_bytes(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    write_tables(other, read_clips(folder), read_faces(folder), INDEX)
    for name in ("clips.parquet", "clips.jsonl", "faces.parquet", "faces.jsonl", "dataset.json"):
        assert (folder / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.parametrize("name", ["clips.jsonl", "clips.parquet", "faces.jsonl", "faces.parquet"])
def test_an_edit_is_noticed(folder: Path, name: str) -> None:
    held = bytearray((folder / name).read_bytes())
    held[len(held) // 2] ^= 1
    (folder / name).write_bytes(bytes(held))
    with pytest.raises(InputError, match=f"{name} was changed since"):
        read_index(folder)


def test_a_table_that_is_gone_is_said(folder: Path) -> None:
    (folder / "faces.jsonl").unlink()
    with pytest.raises(InputError, match="is gone"):
        read_index(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 9}', '{"version": 1}'])
def test_no_index_is_no_data_set(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="no data set"):
        read_index(tmp_path)
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(InputError, match=r"damaged|version 9"):
        read_index(tmp_path)


names = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=12)
maybe = st.none() | names
rows = st.builds(
    ClipRow,
    *(names for _ in range(6)),
    crf=st.none() | st.integers(0, 51),
    method=maybe,
    seed=st.none() | st.integers(0, 2**31 - 1),
    source=maybe,
    start=st.floats(0, 1e6),
    rate=st.floats(0, 240),
    consent=st.lists(names, max_size=3).map(tuple),
    watermark=maybe,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(rows, max_size=4))
def test_any_row_comes_back(tmp_path_factory: pytest.TempPathFactory, held: list[ClipRow]) -> None:
    folder = tmp_path_factory.mktemp("any")
    write_tables(folder, held, [], INDEX)
    assert list(read_clips(folder)) == held
