"""Labelled clips from wherever they lie: what they are called, what belongs together, and which are taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from footage import Looped

from datasets.errors import InputError
from evaluate.clipset import LabelledClip, labelled_clips, read_attributes, some


def test_a_data_set_says_parts_levels_and_pairs(built_set: Path) -> None:
    test, whole = labelled_clips(built_set), labelled_clips(built_set, "all")
    assert {clip.split for clip in test} == {"test"} and len(test) < len(whole)
    fakes = [clip for clip in whole if clip.fake]
    assert {clip.method for clip in fakes} == {"self-blend"} and {clip.level for clip in fakes} == {"raw", "c30"}
    originals = {clip.pair: clip for clip in whole if not clip.fake}
    for fake in fakes:
        own = originals[fake.pair]
        assert own.level == fake.level and own.group == fake.group == own.name and fake.mask is not None
    with pytest.raises(InputError, match="no part 'other'"):
        labelled_clips(built_set, "other")


def test_folders_of_real_and_fake_pair_what_has_one_name(tmp_path: Path) -> None:
    for name in ("real/a.mp4", "real/b.mp4", "fake/swapper/a.mp4", "fake/c.mp4", "fake/c_mask.mkv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "attributes.csv").write_text("person,glasses,age\na,yes,\nb,no,40\n")
    clips = {(clip.fake, clip.name): clip for clip in labelled_clips(tmp_path)}
    assert set(clips) == {(False, "a"), (False, "b"), (True, "a"), (True, "c")}
    assert clips[True, "a"].pair == clips[False, "a"].pair and clips[True, "a"].method == "swapper"
    assert clips[True, "c"].mask == tmp_path / "fake" / "c_mask.mkv" and clips[True, "c"].method == "unknown"
    assert clips[True, "a"].attributes == {"glasses": "yes"} and clips[False, "b"].attributes["age"] == "40"
    with pytest.raises(InputError, match="has no parts"):
        labelled_clips(tmp_path, "test")


def test_a_workspace_is_a_swap_with_its_original_encoded_alike(looped: Looped) -> None:
    fake, real = labelled_clips(looped.workspace.root)
    assert fake.fake and fake.method == "quick96" and fake.mask is not None and fake.like is None
    assert not real.fake and real.like == fake.path and real.pair == fake.pair and real.group == fake.group


def test_what_is_no_set_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data set with a manifest"):
        labelled_clips(tmp_path)
    with pytest.raises(InputError, match="There is no folder"):
        labelled_clips(tmp_path / "none")
    (tmp_path / "attributes.csv").write_text("name,age\nx,3\n")
    with pytest.raises(InputError, match="no column named clip or person"):
        read_attributes(tmp_path / "attributes.csv")


def clip(name: str, fake: bool, method: str = "", pair: str = "") -> LabelledClip:
    return LabelledClip(Path(name), name, fake, pair or name, pair, method)


def test_some_are_whole_pairs_spread_over_the_methods() -> None:
    clips = [clip(f"{m}{i}", True, m, f"p{i}") for m in "xy" for i in range(6)]
    clips += [clip(f"r{i}", False, pair=f"p{i}") for i in range(6)]
    chosen = some(clips, 6)
    fakes = [one for one in chosen if one.fake]
    assert len(chosen) <= 6 and {one.method for one in fakes} == {"x", "y"}
    assert {one.pair for one in fakes} == {one.pair for one in chosen if not one.fake}
    assert some(clips, None) == clips and len(some(clips, 100)) == len(clips)
    single = [clip(f"f{i}", True, "x") for i in range(5)] + [clip(f"r{i}", False) for i in range(5)]
    assert [one.fake for one in some(single, 4)].count(True) == 2
