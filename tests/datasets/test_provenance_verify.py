"""What ``verify`` says of marked, unmarked, changed, copied and foreign files, and on what it says that it rests."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from footage import living

from datasets.encode import ClipEncoder, encoder_like
from datasets.errors import InputError
from datasets.provenance.badgesearch import BadgeFound
from datasets.provenance.consent import from_option
from datasets.provenance.credentials import sign
from datasets.provenance.manifest import Ingredient, Making, PixelMarks
from datasets.provenance.reading import Credentials
from datasets.provenance.records import Record, find, recent, table_path
from datasets.provenance.verify import Match, Verification, verify
from datasets.provenance.watermarkfound import Passage, WatermarkFound
from datasets.provenance.watermarkgrid import canonical
from datasets.provenance.watermarkreading import every_frame
from datasets.provenance.watermarkwords import chance, spans
from datasets.provenance.writer import SyntheticWriter, write_picture
from datasets.samples.animate import render
from datasets.video import Frame, probe, read_frames, read_grey, read_picture

CONSENT = from_option("synthetic", "a", "b")
COUNT, RATE = 60, 20


def write(path: Path, images: Iterable[np.ndarray], crf: int = 14) -> Path:
    images = list(images)
    with ClipEncoder(path, images[0].shape[1::-1], rate=Fraction(RATE), crf=crf) as encoder:
        for index, image in enumerate(images):
            encoder.write(Frame(index, index / RATE, image))
    return path


def marked(path: Path, clip: Path, kind: str = "swap") -> Path:
    making = Making(path.name, "quick96", CONSENT, (Ingredient(clip, "clip", "parentOf"),), {"a": 1}, kind)  # type: ignore[arg-type]
    with SyntheticWriter(path, probe(clip), making) as writer:
        for frame in read_frames(clip):
            writer.write(frame)
    return path


def copied(path: Path, clip: Path, crf: int = 23) -> Path:
    """The clip encoded again, as a platform does: the Credentials are gone."""
    with encoder_like(path, probe(clip), crf=crf) as encoder:
        for frame in read_frames(clip):
            encoder.write(frame)
    return path


def resigned(path: Path, clip: Path, watermark_id: str) -> Path:
    """The clip with Credentials that this studio signed and that name that watermark."""
    making = Making("another film", "quick96", CONSENT, (), {}, "swap")
    signed = BytesIO()
    with clip.open("rb") as source:
        sign(making, "video/mp4", source, signed, PixelMarks(("watermark", "badge"), watermark_id))
    path.write_bytes(signed.getvalue())
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("verify")


@pytest.fixture(scope="module")
def plain(folder: Path) -> Path:
    return write(folder / "plain.mp4", [frame.image for frame in render("hopper", COUNT, 384)])


@pytest.fixture(scope="module")
def swap(folder: Path, plain: Path) -> Path:
    return marked(folder / "swap.mp4", plain)


@pytest.fixture(scope="module")
def copy(folder: Path, swap: Path) -> Path:
    return copied(folder / "copy.mp4", swap)


@pytest.fixture
def ours(swap: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(swap, tmp_path / "ours.mp4"))


def said(path: Path) -> str:
    return " ".join(verify(path).words)


def test_our_own_output(swap: Path) -> None:
    found = verify(swap)
    answer = found.to_json()
    assert json.loads(json.dumps(answer)) == answer and "the whole clip" in said(swap)
    assert answer["file"] == str(swap) and answer["studio_output"] is True
    assert (answer["kind"], answer["synthetic"]) == ("swap", True)
    assert answer["credentials"]["state"] == "trusted" and "Counterface" in answer["credentials"]["signer"]
    assert [a["action"] for a in answer["credentials"]["actions"]][:2] == ["c2pa.opened", "c2pa.edited"]
    assert [i["relationship"] for i in answer["credentials"]["ingredients"]] == ["parentOf"]
    assert answer["badge"]["found"] and answer["badge"]["frames"] == answer["badge"]["frames_looked_at"] == 5
    assert found.headline.startswith("Marked by this studio: a face swap")
    mark = answer["watermark"]
    assert mark["present"] and mark["id"] == answer["credentials"]["soft_binding"] and mark["confidence"] > 0.999
    assert mark["record"]["same_bytes"] is True and mark["record"]["manifest"]["state"] == "trusted"
    assert mark["record"]["title"] == "swap.mp4" and mark["record"]["recipe"] == {"a": 1}
    assert "signature over every byte" in said(swap) and "byte for byte" in said(swap)


def test_what_a_file_is_taken_for_does_not_rest_on_its_badge(swap: Path) -> None:
    whole, less = verify(swap), verify(swap, badge=False)
    assert whole.badge.found and not less.badge.looked_at
    assert (less.watermark, less.studio_output, less.synthetic) == (whole.watermark, whole.studio_output, True)


def test_a_copy_without_its_manifest_is_matched_by_its_watermark(copy: Path, swap: Path) -> None:
    found = verify(copy)
    assert found.credentials.state == "none" and found.studio_output and found.synthetic is True
    record = found.to_json()["watermark"]["record"]
    assert record["title"] == "swap.mp4" and record["kind"] == "swap" and record["same_bytes"] is False
    assert record["id"] == verify(swap).watermark.id and record["manifest"]["state"] == "trusted"
    assert [entry["basis"] for entry in record["consent"]] == ["synthetic", "synthetic"]
    assert [entry["title"] for entry in record["ingredients"]] == ["clip"] and record["created"]
    words = said(copy)
    assert found.headline.startswith("Marked by this studio: a face swap")
    assert "recognised by its watermark" in found.headline and "matched by the watermark" in words
    assert "its bytes differ" in words and "at most 1 in" in words and "Nothing found" not in words


def test_an_original_of_a_labelled_set_is_never_called_synthetic(plain: Path, tmp_path: Path) -> None:
    original = marked(tmp_path / "original.mp4", plain, "original")
    copy = copied(tmp_path / "copy.mp4", original)
    for path in (original, copy):
        found = verify(path)
        # The watermark survives a swap that others put into the clip: a copy known by it alone is not called real.
        assert found.studio_output and found.kind == "original" and found.synthetic is (None if path == copy else False)
        assert ("since is not known" in found.headline) == (path == copy)
        assert "a real clip, not synthetic" in found.headline and "Marked by this studio" in found.headline
        assert "face swap" not in found.headline


def test_an_unmarked_file_is_an_answer(plain: Path) -> None:
    found = verify(plain)
    mark = found.to_json()["watermark"]
    assert found.credentials.state == "none" and not found.studio_output and not found.badge.found
    assert (mark["present"], mark["id"], mark["confidence"], mark["record"]) == (False, None, 0.0, None)
    assert found.synthetic is None and found.kind is None
    assert found.headline.startswith("Nothing found: this does not mean authentic")


def test_on_another_machine(
    ours: Path, copy: Path, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path / "elsewhere"))
    found = verify(ours)
    assert found.credentials.state == "valid" and found.studio_output and found.synthetic is True
    assert found.kind is None and "does not know" in found.headline
    lost = verify(copy)
    assert lost.studio_output and lost.watermark.present and lost.watermark.id is None and lost.synthetic is None
    words = said(copy)
    assert "a Counterface studio wrote this" in words and "can look the id up" in words
    assert "either a synthetic output or" in lost.headline
    assert not verify(plain).studio_output
    assert not (tmp_path / "elsewhere").exists()


def test_what_an_unknown_signer_says_in_its_own_favour_is_not_believed(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = marked(tmp_path / "original.mp4", plain, "original")
    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path / "elsewhere"))
    found = verify(original)
    assert found.credentials.state == "valid" and found.synthetic is None and found.kind is None


def test_one_flipped_bit(ours: Path) -> None:
    data = bytearray(ours.read_bytes())
    start = data.rfind(b"mdat")
    data[start + int.from_bytes(data[start - 4 : start]) - 300] ^= 1
    ours.write_bytes(data)
    found = verify(ours)
    assert found.credentials.state == "invalid" and not found.credentials.by_studio
    assert found.watermark.id == found.credentials.soft_binding, "what the pictures say does not rest on the manifest"
    assert found.studio_output and "changed after" in said(ours)


def test_a_transplanted_manifest(copy: Path, tmp_path: Path) -> None:
    other = "00000001" if verify(copy).watermark.id != "00000001" else "00000002"
    found = verify(resigned(tmp_path / "other.mp4", copy, other))
    assert found.credentials.state == "trusted" and found.transplanted and found.kind is None
    assert found.headline.startswith("Suspicious") and other in found.headline
    assert found.studio_output and found.to_json()["transplanted"] is True


def test_the_same_id_is_no_transplant(copy: Path, tmp_path: Path) -> None:
    found = verify(resigned(tmp_path / "again.mp4", copy, verify(copy).watermark.id or ""))
    assert (
        not found.transplanted and found.kind == "swap" and "the one that is in the pictures" in " ".join(found.words)
    )


def test_where_in_time(swap: Path, plain: Path, tmp_path: Path) -> None:
    images = [frame.image for frame in read_frames(swap)]
    other = [frame.image for frame in read_frames(plain)]
    found = verify(write(tmp_path / "part.mp4", [*other, *other, *images, *images], crf=20))
    assert found.watermark.present and found.studio_output
    parts = spans(found.watermark.passages)
    assert any(not p.present for p in parts) and any(p.present for p in parts)
    length = 4 * COUNT / RATE
    assert parts[0].start == pytest.approx(0, abs=0.2) and parts[-1].end == pytest.approx(length, abs=0.5)
    assert not parts[0].present and parts[-1].present
    turn = next(p.start for p in parts if p.present)
    assert turn == pytest.approx(length / 2, abs=1.6)
    assert "In time: 0.0 to" in " ".join(found.words) and re.search(r"in \d\.\d of 1\d\.\d s", found.headline)


def test_a_lost_table_is_said(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = table_path().parent
    other = tmp_path / "home"
    shutil.copytree(own, other)
    monkeypatch.setenv("COUNTERFACE_HOME", str(other))
    table_path().unlink()
    found = verify(copy)
    assert found.watermark.id is not None and found.match is None and found.synthetic is None
    assert "No record of this id" in said(copy) and "this machine's key" in found.headline
    table_path().write_bytes(b"junk " * 1000)
    found = verify(copy)
    assert found.watermark.id is not None and found.match is None and "damaged" in said(copy)
    assert any("damaged" in note for note in found.to_json()["watermark"]["notes"])


def test_the_table_knows_what_was_written(swap: Path) -> None:
    id = verify(swap).watermark.id
    assert id is not None and (record := find(id)) is not None
    assert record.manifest in swap.read_bytes() and record.format == "video/mp4"
    assert id in [entry.id for entry in recent(1000)]


def test_frames_that_are_decoded_anyway_give_the_same_answer(swap: Path) -> None:
    assert every_frame(swap, 1.0)
    shown = ((canonical(grey), time, is_key) for grey, time, is_key in read_grey(swap))
    assert verify(swap, squares=shown).to_json() == verify(swap).to_json()


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_picture(tmp_path: Path, suffix: str) -> None:
    image = cv2.resize(living("astronaut")[0], (640, 640), interpolation=cv2.INTER_CUBIC)
    path, bare = tmp_path / f"a{suffix}", tmp_path / "bare.png"
    write_picture(path, image, Making("a", "quick96", CONSENT, (), {}, "preview"))
    cv2.imwrite(str(bare), image[..., ::-1])
    found = verify(path)
    assert found.credentials.state == "trusted" and found.studio_output and found.kind == "preview"
    assert found.watermark.present and found.watermark.id == found.credentials.soft_binding
    cv2.imwrite(str(tmp_path / "copy.jpg"), read_picture(path)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    again = verify(tmp_path / "copy.jpg")
    assert again.credentials.state == "none" and again.match is not None and again.kind == "preview"
    assert verify(bare).credentials.state == "none" and not verify(bare).studio_output
    assert "whole clip" not in said(path)


def test_a_container_that_cannot_carry_credentials(plain: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", [frame.image for frame in read_frames(plain)][:5])
    assert verify(path).credentials.state == "none"


def test_a_stream_without_a_container(copy: Path, tmp_path: Path) -> None:
    """It has no times to seek by, and is read all the same."""
    path = tmp_path / "copy.h264"
    with av.open(str(copy)) as source, av.open(str(path), "w", format="h264") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    found = verify(path)
    assert found.badge.found and found.match is not None and found.watermark.frames == COUNT


def test_a_clip_of_one_frame(tmp_path: Path) -> None:
    assert verify(write(tmp_path / "one.mp4", living("hopper")[:1])).badge.looked_at == 1


def test_a_long_search_can_be_interrupted_and_tells_where_it_is(copy: Path) -> None:
    steps: list[tuple[str, float, float | None]] = []

    def stop(step: str, done: float, total: float | None, note: str = "") -> None:
        steps.append((step, done, total))
        if len(steps) > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify(copy, stop)
    assert "watermark" in steps[0][0]


@pytest.mark.parametrize(
    ("name", "content"),
    [("text.mp4", b"a letter, no film"), ("text.jpg", b"a letter"), ("empty.mp4", b""), ("empty.png", b"")],
)
def test_what_is_no_media(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        verify(tmp_path / name)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file"):
        verify(tmp_path / "none.mp4")
    with pytest.raises(InputError, match="folder"):
        verify(tmp_path)


def test_a_file_cut_off_is_told_and_never_trusted(ours: Path) -> None:
    data = ours.read_bytes()
    for share in (0.3, 0.6, 0.9):
        ours.write_bytes(data[: int(len(data) * share)])
        try:
            found = verify(ours)
        except InputError:
            continue
        assert found.credentials.state in ("none", "invalid") and found.headline


NOTHING = WatermarkFound(False, None, 0.0, 1.0, 0.3, 40)
FOUND = WatermarkFound(True, "0badcafe", 1 - 1e-9, 1e-9, 22.0, 40)
NO_BADGE = BadgeFound(False, 0, 5, None, 0.1)


def result(
    credentials: Credentials, mark: WatermarkFound, match: Match | None = None, badge: BadgeFound = NO_BADGE
) -> Verification:
    return Verification(Path("x.mp4"), credentials, mark, match, badge)


def record(id: str, kind: str = "swap") -> Record:
    return Record(id, kind, "t", "quick96", "video/mp4", {}, (), (), "ab" * 32, "2026-01-31T00:00:00+00:00", b"")


def test_the_badge_alone_is_a_weak_sign_and_no_studio_output() -> None:
    found = result(Credentials("none"), NOTHING, badge=BadgeFound(True, 5, 5, (0, 0, 9, 9), 0.9))
    assert not found.studio_output and found.synthetic is None
    assert "weak" in found.headline and any("anyone can paste" in sentence for sentence in found.words)


def test_credentials_from_another_signer() -> None:
    camera = Credentials("valid", signer="Camera Inc", generator="Cam 1")
    found = result(camera, NOTHING)
    assert found.headline == "Credentials from another signer (Camera Inc)." and not found.studio_output
    declared = result(replace(camera, synthetic=True), NOTHING)
    assert declared.synthetic is True and "declare synthetic content" in declared.headline
    over = result(camera, FOUND, Match(record("0badcafe"), Credentials("trusted"), False))
    assert over.headline.startswith("Marked by this studio")
    assert any("do not speak of the watermark" in sentence for sentence in over.words)


def test_credentials_that_do_not_hold_prove_nothing() -> None:
    broken = result(Credentials("invalid", faults=("assertion.bmffHash.mismatch",), synthetic=True), NOTHING)
    assert not broken.studio_output and broken.synthetic is None
    assert "proves nothing" in broken.headline and "bmffHash" in " ".join(broken.words)


def test_the_watermark_of_an_ingredient_is_no_transplant() -> None:
    making = {"kind": "report", "method": "quick96", "ingredients": [{"title": "the swap", "sha256": "ab" * 32}]}
    own = Credentials(
        "trusted", generator="counterface 1", making=making, kind="report", soft_binding="00000001", own=True
    )
    found = result(own, FOUND, Match(record("0badcafe"), Credentials("trusted"), False))
    assert not found.transplanted and found.kind == "report"
    assert any("from which this one was made" in sentence for sentence in found.words)
    stranger = replace(own, making=making | {"ingredients": []})
    assert result(stranger, FOUND, Match(record("0badcafe"), Credentials("trusted"), False)).transplanted


def test_a_clip_put_together_of_two_outputs_names_both() -> None:
    first, second = (
        Match(record(id, kind), Credentials("trusted"), False)
        for id, kind in (("0badcafe", "swap"), ("00000002", "original"))
    )
    found = replace(result(Credentials("none"), FOUND, first), others=(second,))
    assert any("00000002" in sentence and "not synthetic" in sentence for sentence in found.words)
    assert [entry["id"] for entry in found.to_json()["watermark"]["other_records"]] == ["00000002"]


def test_credentials_whose_watermark_is_not_in_the_pictures() -> None:
    own = Credentials(
        "trusted", generator="counterface 1", making={"kind": "swap"}, kind="swap", soft_binding="00000001", own=True
    )
    assert any("none was found" in sentence for sentence in result(own, NOTHING).words)


@pytest.mark.parametrize(
    ("bound", "words"),
    [
        (1.0, "at most 100.0 %"),
        (0.02, "at most 2.0 %"),
        (1e-3, "at most 1 in a thousand"),
        (1e-6, "at most 1 in a million"),
        (4e-8, "at most 1 in 10 million"),
        (1e-9, "at most 1 in a billion"),
        (0.0, "at most 1 in 100 billion"),
    ],
)
def test_a_bound_is_never_said_smaller_than_it_is(bound: float, words: str) -> None:
    assert chance(replace(FOUND, false_alarm=bound)) == words


def test_neighbouring_passages_that_agree_are_one() -> None:
    passages = [
        Passage(i, i + 1, i >= 2, 0.9 + i / 100 if i >= 2 else 0.0, "0badcafe" if i >= 2 else None) for i in range(5)
    ]
    assert spans(passages) == [Passage(0, 2, False, 0.0, None), Passage(2, 5, True, 0.92, "0badcafe")]
    assert spans([]) == []
