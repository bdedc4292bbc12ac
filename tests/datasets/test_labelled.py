"""Fakes and originals of a labelled set differ in the swap and in what their manifests say, and in nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from footage import living, write_clip

from datasets.audit.container import differing, headers, manifest_size
from datasets.errors import InputError, Refused
from datasets.labelled import as_original, treat, write_labelled, write_original
from datasets.provenance.badge import has_badge
from datasets.provenance.consent import from_option
from datasets.provenance.reading import read_credentials
from datasets.provenance.writer import Ingredient, Making, Marks
from datasets.video import probe, read_frames, timestamps

COUNT = 24


def swapped(image: np.ndarray) -> np.ndarray:
    made = image.copy()
    made[90:170, 90:170] = made[90:170, 90:170][::-1]
    return made


@dataclass(frozen=True)
class Written:
    clip: Path
    making: Making
    fake: Path
    original: Path
    marks: tuple[Marks, Marks]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    times = np.concatenate([[0.0], np.cumsum(np.random.default_rng(1).choice([0.04, 0.08], COUNT - 1))])
    return write_clip(tmp_path_factory.mktemp("clip") / "real.mp4", living("astronaut")[:COUNT], times.tolist(), True)


@pytest.fixture(scope="module")
def making(clip: Path) -> Making:
    consent = from_option("public-domain", "hopper", "astronaut")
    files = (Ingredient(clip, "the clip", "parentOf"), Ingredient(clip, "the source", "componentOf"))
    return Making("fake.mp4", "a method", consent, files, {"seed": 1}, "swap")


def both(clip: Path, making: Making, folder: Path, **stretch: float) -> Written:
    path = treat(clip, **stretch)
    fake, original = folder / "fake.mp4", folder / "original.mp4"
    first = write_labelled(fake, path, making, (swapped(frame.image) for frame in path.frames()))
    return Written(clip, making, fake, original, (first, write_original(original, path, making)))


@pytest.fixture(scope="module")
def written(own_home: Path, clip: Path, making: Making, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return both(clip, making, tmp_path_factory.mktemp("pair"))


def test_all_that_the_files_say_of_themselves_is_equal(written: Written) -> None:
    assert not differing(headers(written.fake), headers(written.original))
    assert np.array_equal(timestamps(written.fake), timestamps(written.original))
    assert headers(written.fake)["sound"] and probe(written.original).has_audio


def test_both_carry_the_same_kind_of_marks_and_no_id_twice(written: Written) -> None:
    fake, original = written.marks
    assert (fake.badge, fake.credentials) == (original.badge, original.credentials) == (True, "trusted")
    assert (fake.watermark is None) == (original.watermark is None)
    assert fake.watermark is None or fake.watermark != original.watermark
    assert all(has_badge(frame.image) for path in (written.fake, written.original) for frame in read_frames(path))


def test_the_manifests_tell_the_truth(written: Written) -> None:
    assert all(read_credentials(path).by_studio for path in (written.fake, written.original))
    original = as_original(written.making, "original.mp4")
    assert (original.kind, original.method, len(original.ingredients)) == ("original", "original", 1)
    assert original.ingredients[0].relationship == "parentOf"
    assert [record.role for record in original.consent] == ["destination"]
    assert min(manifest_size(path) for path in (written.fake, written.original)) > 1000


def test_away_from_the_swap_the_pixels_are_those_of_one_path(written: Written) -> None:
    pairs = zip(read_frames(written.fake), read_frames(written.original), read_frames(written.clip), strict=True)
    for fake, original, clip in pairs:
        assert np.abs(fake.image[:60, :180].astype(int) - original.image[:60, :180]).mean() < 4
        assert np.abs(original.image[90:170, 90:170].astype(int) - clip.image[90:170, 90:170]).mean() < 4
        assert np.abs(fake.image[90:170, 90:170].astype(int) - clip.image[90:170, 90:170]).mean() > 8


def test_a_stretch_begins_at_nought_in_both_and_is_silent(clip: Path, making: Making, tmp_path: Path) -> None:
    times = timestamps(clip)
    got = both(clip, making, tmp_path, start=float(times[6]), stop=float(times[18]))
    for path in (got.fake, got.original):
        assert timestamps(path) == pytest.approx(times[6:18] - times[6], abs=1e-3)
        assert not probe(path).has_audio
    assert not differing(headers(got.fake), headers(got.original))
    first, wanted = next(read_frames(got.original)).image, list(read_frames(clip))[6].image
    assert np.abs(first[90:170, 90:170].astype(int) - wanted[90:170, 90:170]).mean() < 4


def test_an_empty_stretch_is_said(clip: Path) -> None:
    with pytest.raises(InputError, match="has no frames between 100"):
        treat(clip, start=100)


@pytest.mark.parametrize("count", [COUNT - 1, COUNT + 1])
def test_a_fake_of_another_length_is_not_written(clip: Path, making: Making, tmp_path: Path, count: int) -> None:
    image = living("astronaut")[0]
    with pytest.raises(ValueError, match="frames"):
        write_labelled(tmp_path / "fake.mp4", treat(clip), making, [image] * count)
    assert not list(tmp_path.iterdir())


def test_no_swap_is_written_as_an_original_nor_the_other_way_round(clip: Path, making: Making, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="original"):
        write_labelled(tmp_path / "a.mp4", treat(clip), as_original(making, "a.mp4"), [living("astronaut")[0]])
    with pytest.raises(ValueError, match="original"):
        write_labelled(tmp_path / "a.mp4", treat(clip), making, None)
    assert not list(tmp_path.iterdir())


def test_a_swap_that_lost_its_credentials_is_no_original(written: Written, making: Making, tmp_path: Path) -> None:
    frames = list(read_frames(written.fake))
    copy = write_clip(tmp_path / "copy.mp4", [f.image for f in frames], [f.time for f in frames], False)
    of_it = replace(making, ingredients=(Ingredient(copy, "copy.mp4", "parentOf"),))
    with pytest.raises(Refused, match="may be a swap"):
        write_original(tmp_path / "a.mp4", treat(copy), of_it)
    assert [path.name for path in tmp_path.iterdir()] == ["copy.mp4"]


def test_without_consent_not_even_an_original_is_written(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        write_original(tmp_path / "a.mp4", treat(clip), Making("a.mp4", "a method", (), (), {}, "swap"))
