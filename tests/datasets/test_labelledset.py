"""Reading a labelled data set: plainly, and as a stream for a training loop."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from setkit import FRAMES
from torch.utils.data import DataLoader

from datasets.errors import InputError
from datasets.labelledset import LabelledSet, chosen_frames
from datasets.torchreader import FaceCrops


def test_the_rows_say_all_that_was_asked_for(built_set: Path) -> None:
    data = LabelledSet(built_set)
    fake = data.select(level="c30", label="fake")[0]
    assert (fake.method, fake.target, fake.source, fake.original) == ("self-blend", "ast", "ast", "ast_00")
    assert fake.crf == 30 and fake.seed is not None and fake.mask == f"masks/{fake.clip}.mkv"
    hashes = (fake.settings_sha256, fake.model_sha256, fake.sha256, fake.mask_sha256, fake.footage_sha256)
    assert all(value is not None and len(value) == 64 for value in hashes)
    assert fake.licence == "public domain" and fake.watermark is not None and len(fake.watermark) == 8
    assert [data.index.consent[one]["role"] for one in fake.consent] == ["source", "destination"]
    original = data.select(level="c30", label="real")[0]
    assert [data.index.consent[one]["role"] for one in original.consent] == ["destination"]
    assert fake.watermark not in {clip.watermark for clip in data.clips if clip.clip != fake.clip}


def test_each_fake_has_its_own_original(built_set: Path) -> None:
    pairs = LabelledSet(built_set).pairs()
    assert len(pairs) == 4
    assert all(f.original == o.clip and f.level == o.level and f.split == o.split for f, o in pairs)


def test_faces_are_labelled_one_by_one(built_set: Path) -> None:
    data = LabelledSet(built_set)
    fake = data.faces(data.select(label="fake")[0].clip)
    assert len(fake) == FRAMES and {face.label for face in fake} == {"fake"}
    assert all(0.1 < face.changed <= 1 for face in fake)
    assert {face.label for face in data.faces("ast_00")} == {"real"}


def test_crops_show_the_face_and_where_it_was_changed(built_set: Path) -> None:
    data = LabelledSet(built_set)
    fake, original = data.pairs("raw")[0]
    one, other = (list(data.crops(clip, 96, "full")) for clip in (fake, original))
    assert len(one) == len(other) == FRAMES and one[0].image.shape == (96, 96, 3)
    assert [crop.label for crop in one] == [1] * FRAMES and not any(crop.mask.any() for crop in other)
    difference = np.abs(one[3].image.astype(int) - other[3].image).mean(2)
    assert difference[one[3].mask > 200].mean() > 2 * difference[one[3].mask == 0].mean()
    assert [crop.face.frame for crop in data.crops(fake, 96, every=4)] == [0, 4, 8]
    assert len(list(data.crops(fake, 96, most=2))) == 2


def test_frames_are_chosen_evenly() -> None:
    assert chosen_frames(range(10), every=3) == [0, 3, 6, 9]
    assert chosen_frames(range(100), most=4) == [12, 37, 62, 87]


def test_a_file_that_is_gone_is_said(own_set: Path) -> None:
    data = LabelledSet(own_set)
    clip = data.clips[0]
    (own_set / clip.file).unlink()
    with pytest.raises(InputError, match=r"is gone; the same counterface dataset build"):
        list(data.crops(clip))


def test_a_name_that_leads_out_is_refused(built_set: Path) -> None:
    for name in ("../recipe.toml", "/etc/hostname"):
        with pytest.raises(InputError, match="lies outside"):
            LabelledSet(built_set).path(name)


def seen(samples: list[dict[str, object]]) -> Counter[tuple[object, ...]]:
    return Counter((s["clip"], s["level"], s["frame"]) for s in samples)


def test_a_stream_gives_every_face_once(built_set: Path) -> None:
    samples = list(FaceCrops(built_set, split=None, size=64, buffer=16))
    assert len(samples) == 12 * FRAMES and max(seen(samples).values()) == 1
    one = samples[0]
    assert one["image"].shape == (3, 64, 64) and one["image"].dtype == torch.float32
    assert one["image"].min() >= 0 and one["image"].max() <= 1 and one["mask"].shape == (1, 64, 64)


def test_workers_and_machines_share_the_clips(built_set: Path) -> None:
    whole = seen(list(FaceCrops(built_set, split=None, size=32, shuffle=False)))
    parts: Counter[tuple[object, ...]] = Counter()
    for rank in (0, 1):
        stream = FaceCrops(built_set, split=None, size=32, rank=rank, world=2)
        parts += seen(list(stream))
    assert parts == whole


def test_several_processes_read_no_face_twice(built_set: Path) -> None:
    loader = DataLoader(
        FaceCrops(built_set, split="train", size=32, levels=["c30"]),
        batch_size=None,
        num_workers=2,
        multiprocessing_context="fork",
    )
    found = seen(list(loader))
    assert found == seen(list(FaceCrops(built_set, split="train", size=32, levels=["c30"], shuffle=False)))


def test_the_order_follows_from_seed_and_epoch(built_set: Path) -> None:
    stream = FaceCrops(built_set, split=None, size=32, most=2)

    def order(epoch: int) -> list[tuple[object, ...]]:
        stream.set_epoch(epoch)
        return [(s["clip"], s["level"], s["frame"]) for s in stream]

    first, other = order(0), order(1)
    assert order(0) == first and other != first and sorted(other) == sorted(first)


def test_a_stream_can_be_sent_to_another_process(built_set: Path) -> None:
    stream = pickle.loads(pickle.dumps(FaceCrops(built_set, split="test", size=32, most=1)))
    assert len(list(stream)) == len(stream.clips)


def test_a_broken_clip_stops_the_stream(own_set: Path) -> None:
    clip = LabelledSet(own_set).select(split="train")[0]
    content = (own_set / clip.file).read_bytes()
    (own_set / clip.file).write_bytes(content[: len(content) // 3])
    with pytest.raises(InputError, match=clip.clip):
        list(FaceCrops(own_set, split="train", size=32))
