"""The audit of a whole set: nothing in a set that was built well, and each thing that is wrong found."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from datasets.audit import run
from datasets.audit.duplicates import near_duplicates, picture_hash
from datasets.audit.findings import AuditReport
from datasets.audit.masks import fit_of_mask
from datasets.audit.people import look_at_people
from datasets.audit.run import LIMIT, _probe, audit
from datasets.encode import ClipEncoder
from datasets.errors import InputError
from datasets.labelledset import LabelledSet
from datasets.manifest import ClipRow, read_faces, write_tables
from datasets.mediahash import contents
from datasets.video import probe, read_frames


def rewritten(folder: Path, clips: Sequence[ClipRow]) -> None:
    """The same set with other rows, its checksums right."""
    index = LabelledSet(folder, check=False).index
    write_tables(folder, clips, list(read_faces(folder)), index)


def encoded(path: Path, to: Path, crf: int) -> None:
    info = probe(path)
    with ClipEncoder(to, (info.width, info.height), info.rate, info.time_base, crf=crf) as encoder:
        for frame in read_frames(path):
            encoder.write(frame)


def kinds(report: AuditReport) -> set[str]:
    return {finding.kind for finding in report.findings}


def test_a_set_that_was_built_well_has_no_finding(built_set: Path) -> None:
    report = audit(built_set, workers=1)
    assert report.clean and report.clips == 12
    assert report.figures["mask_fit"]["least"] > 0.9
    assert [one.name for one in report.probes] == ["metadata", "file sizes", "background", "mark", "mark as read"]
    assert all(one.verdict == "cannot tell" for one in report.probes) and "With 2 people" in report.remarks[-1]


def test_files_that_are_gone_broken_or_others_are_found(own_set: Path) -> None:
    clips = LabelledSet(own_set).clips
    reals, fakes = [c for c in clips if not c.is_fake], [c for c in clips if c.is_fake]
    (own_set / reals[0].file).unlink()
    content = (own_set / reals[2].file).read_bytes()
    (own_set / reals[2].file).write_bytes(content[: len(content) // 2])
    shutil.copyfile(own_set / fakes[0].file, own_set / fakes[1].file)
    (own_set / str(fakes[3].mask)).unlink()
    report = audit(own_set, workers=1)
    assert kinds(report) == {"file"}
    said = " ".join(finding.sentence for finding in report.findings)
    assert "is gone" in said and "not the file that the manifest describes" in said and "masks/" in said
    named = {name for finding in report.findings for name in finding.clips}
    assert {reals[0].clip, reals[2].clip, fakes[1].clip, fakes[3].clip} <= named


def test_a_mask_of_another_place_is_found(own_set: Path) -> None:
    data = LabelledSet(own_set)
    fake = data.select(level="raw", label="fake")[0]
    mask = own_set / str(fake.mask)
    frames = [np.roll(frame.image[..., 0], frame.image.shape[1] // 3, 1) for frame in read_frames(mask)]
    info = probe(mask)
    times = [frame.time for frame in read_frames(mask)]
    with ClipEncoder(mask, (info.width, info.height), info.rate, info.time_base, codec="ffv1", grey=True) as encoder:
        for index, (image, time) in enumerate(zip(frames, times, strict=True)):
            from datasets.video import Frame

            encoder.write(Frame(index, time, np.ascontiguousarray(image)))
    sha = contents(mask).sha256
    rewritten(own_set, [replace(c, mask_sha256=sha) if c.clip == fake.clip else c for c in data.clips])
    report = audit(own_set, workers=1)
    assert kinds(report) == {"mask"} and report.findings[0].clips == (fake.clip,)


def test_another_quality_of_the_fakes_and_lost_marks_are_found(own_set: Path, tmp_path: Path) -> None:
    data = LabelledSet(own_set)
    clips = []
    for clip in data.clips:
        if clip.is_fake and clip.level == "c30":
            encoded(own_set / clip.file, tmp_path / "other.mp4", 23)
            shutil.move(tmp_path / "other.mp4", own_set / clip.file)
            clip = replace(clip, sha256=contents(own_set / clip.file).sha256)
        clips.append(clip)
    rewritten(own_set, clips)
    report = audit(own_set, workers=1)
    assert kinds(report) == {"shortcut", "marks"}
    assert any("encoder" in finding.sentence for finding in report.findings)


def test_a_person_and_a_scene_in_two_splits_are_found(own_set: Path) -> None:
    data = LabelledSet(own_set)
    real = [clip for clip in data.clips if not clip.is_fake]
    one, other = (next(c for c in real if c.split == split and c.level == "raw") for split in ("train", "test"))
    shutil.copyfile(own_set / one.file, own_set / other.file)
    changed = {"sha256": one.sha256, "watermark": one.watermark}
    clips = [replace(c, split="test" if c.split == "train" else c.split) if c.is_fake else c for c in data.clips]
    rewritten(own_set, [replace(c, **changed) if c == other else c for c in clips])
    report = audit(own_set, workers=1)
    assert "identity" in kinds(report) and any("in test and in train" in f.sentence for f in report.findings)
    assert any(f.kind == "duplicate" and {one.clip, other.clip} <= set(f.clips) for f in report.findings)


def test_an_edited_manifest_is_not_audited(own_set: Path) -> None:
    text = (own_set / "clips.jsonl").read_text()
    (own_set / "clips.jsonl").write_text(text.replace('"fake"', '"real"', 1))
    with pytest.raises(InputError, match="was changed since the manifest was written"):
        audit(own_set)


def row(clip: str, label: str, target: str, **more: object) -> ClipRow:
    return ClipRow(clip, "c23", f"{clip}.mp4", label, target, "train", **more)  # type: ignore[arg-type]


def test_balance_is_looked_at_by_identity_and_level() -> None:
    report = AuditReport("x")
    real, fake = row("a", "real", "anna"), row("a-b", "fake", "anna", original="a", source="bert")
    alone = row("c-b", "fake", "carl", original="c", source="bert")
    look_at_people([real, fake, alone, replace(real, level="c40")], report)
    said = " ".join(finding.sentence for finding in report.findings)
    assert "fakes alone (carl)" in said and "missing at c40" in said and "no fake clip at c40" in said
    assert "1 fakes have no original" in said
    assert report.figures["fakes_to_a_real"] == {"anna": 0.5, "carl": None}


# -- the parts ---------------------------------------------------------------------------------------------------------


def test_a_hash_survives_scaling_and_tells_pictures_apart() -> None:
    import cv2
    from skimage.data import astronaut, coffee

    small = cv2.resize(astronaut(), (200, 200), interpolation=cv2.INTER_AREA)
    one, other, third = picture_hash(astronaut()), picture_hash(small), picture_hash(coffee())
    assert (one ^ other).bit_count() <= 4 < 16 < (one ^ third).bit_count()


def test_duplicates_are_of_different_groups_and_of_several_frames() -> None:
    hashes = {"a": [0, 255], "b": [1, 255], "c": [0, 2**40 - 1], "d": [0, 255]}
    groups = {"a": "train", "b": "test", "c": "test", "d": "train"}
    assert near_duplicates(hashes, groups, near=2) == [("a", "b"), ("b", "d")]
    assert near_duplicates({}, {}) == []


def test_a_mask_fits_where_the_difference_is() -> None:
    rng = np.random.default_rng(0)
    original = rng.integers(0, 255, (120, 120, 3)).astype(np.uint8)
    mask = np.zeros((120, 120), np.uint8)
    mask[30:80, 30:80] = 255
    fake = np.where(mask[..., None] > 0, 255 - original, original + (original < 250) * 2).astype(np.uint8)
    assert fit_of_mask(fake, original, mask) > 0.95  # type: ignore[operator]
    assert fit_of_mask(fake, original, np.roll(mask, 60, 1)) < 0.6  # type: ignore[operator]
    assert fit_of_mask(fake, original, np.zeros_like(mask)) is None


@pytest.mark.slow
def test_a_leak_is_found_with_few_people_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "probe", partial(run.probe, repeats=1))
    rng = np.random.default_rng(1)
    who = [f"p{i % 6}" for i in range(12)]
    noise = rng.normal(size=(2, len(who), 5))
    leak = noise[0].copy()
    leak[:, 2] += 6
    found = _probe("x", leak, noise[1], who)
    assert found.verdict == "leak" and found.auc > LIMIT
    assert _probe("x", noise[0], noise[1], who).verdict != "leak"
