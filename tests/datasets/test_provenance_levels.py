"""Levels carry the marks of the clip they are made of, and nothing unmarked comes that way; derived ids."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from footage import living, write_clip

from datasets.errors import Refused
from datasets.labelledset import LabelledSet
from datasets.provenance.consent import from_option
from datasets.provenance.derived import derived_ids
from datasets.provenance.levels import write_level
from datasets.provenance.reading import read_credentials
from datasets.provenance.records import find
from datasets.provenance.watermarkreading import comes_back
from datasets.provenance.writer import Ingredient, Making
from datasets.video import Frame, probe, read_frames
from synth.factory.units import level_making


def test_a_level_has_the_mark_and_the_credentials_of_its_clip(built_set: Path) -> None:
    data = LabelledSet(built_set)
    for clip in data.select(level="c30"):
        said = read_credentials(data.path(clip.file))
        assert said.by_studio and said.soft_binding == clip.watermark
        assert said.kind == ("swap" if clip.is_fake else "original")
        assert said.ingredients[0]["title"] == f"{clip.clip}.mp4"
        assert len(said.making["consent"]) == (2 if clip.is_fake else 1)
        held = find(clip.watermark or "")
        assert held is not None and held.title == f"{clip.clip}.mp4"
    assert any(comes_back(data.path(clip.file))[0] for clip in data.select(level="c30"))


def test_what_is_not_marked_is_not_encoded_as_a_level(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", living("astronaut")[:3])
    files = (Ingredient(clip, "clip", "parentOf"),)
    making = Making("a.mp4", "m", from_option("public-domain", "a", "b"), files, {}, "swap")
    with pytest.raises(Refused, match="not, or no longer, a marked output"):
        write_level(tmp_path / "a.mp4", clip, making, 30)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_clip_that_was_changed_is_not_either(own_set: Path, tmp_path: Path) -> None:
    marked = own_set / LabelledSet(own_set).select(level="raw", label="fake")[0].file
    content = bytearray(marked.read_bytes())
    content[len(content) // 2] ^= 1
    marked.write_bytes(bytes(content))
    with pytest.raises(Refused, match="invalid"):
        write_level(tmp_path / "a.mp4", marked, level_making_of(marked), 30)


def level_making_of(marked: Path) -> Making:
    files = (Ingredient(marked, "clip", "parentOf"),)
    return Making("a.mp4", "m", from_option("public-domain", "a", "b"), files, {}, "swap")


def test_a_fake_does_not_become_an_original(built_set: Path, tmp_path: Path) -> None:
    marked = built_set / LabelledSet(built_set).select(level="raw", label="fake")[0].file
    making = replace(level_making(marked, "a.mp4"), kind="original")
    with pytest.raises(Refused, match="says that it is of kind swap"):
        write_level(tmp_path / "a.mp4", marked, making, 30)


def test_an_id_can_be_found_again_and_no_two_are_alike(own_home: Path) -> None:
    names = [f"clip{i}" for i in range(2000)]
    found = derived_ids("a recipe", names)
    assert derived_ids("a recipe", reversed(names)) == found
    assert len(set(found.values())) == 2000 and all(len(one) == 8 for one in found.values())
    ones = sum(int(value, 16).bit_count() for value in found.values())
    assert abs(ones / (2000 * 32) - 0.5) < 0.01


def test_a_making_that_is_repeated_keeps_its_record(own_home: Path, tmp_path: Path) -> None:
    from datasets.provenance.records import IdTaken
    from datasets.provenance.writer import SyntheticWriter

    clip = write_clip(tmp_path / "clip.mp4", living("astronaut")[:8])
    making = level_making_of(clip)
    own = derived_ids("repeated", ["x"])["x"]

    def write(name: str, said: Making) -> None:
        with SyntheticWriter(tmp_path / name, probe(clip), said, watermark_id=own) as writer:
            for frame in read_frames(clip):
                writer.write(Frame(frame.index, frame.time, frame.image))

    write("a.mp4", making)
    write("b.mp4", making)
    with pytest.raises(IdTaken, match="belongs to another output"):
        write("c.mp4", replace(making, method="another"))
    assert not (tmp_path / "c.mp4").exists()
