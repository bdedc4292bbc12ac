"""What ``verify`` says of marked, unmarked, changed and foreign files."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.encode import ClipEncoder, encoder_like
from datasets.errors import InputError
from datasets.provenance.consent import from_option
from datasets.provenance.verify import verify
from datasets.provenance.writer import Making, SyntheticWriter, write_picture
from datasets.video import Frame, probe, read_frames

MAKING = Making("out", "quick96", from_option("synthetic", "a", "b"), (), {}, "swap")
SIZE = (160, 120)


def clip(path: Path, count: int = 10) -> Path:
    rng = np.random.default_rng(0)
    base = cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), SIZE, interpolation=cv2.INTER_CUBIC)
    with ClipEncoder(path, SIZE, rate=Fraction(25), preset="ultrafast") as encoder:
        for index in range(count):
            encoder.write(Frame(index, index / 25, np.roll(base, index, axis=1)))
    return path


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("plain") / "plain.mp4")


@pytest.fixture
def ours(plain: Path, tmp_path: Path) -> Path:
    path = tmp_path / "ours.mp4"
    with SyntheticWriter(path, probe(plain), MAKING) as writer:
        for frame in read_frames(plain):
            writer.write(frame)
    return path


def test_our_own_output(ours: Path) -> None:
    found = verify(ours)
    said = found.to_json()
    assert json.loads(json.dumps(said)) == said
    assert said["file"] == str(ours) and said["studio_output"] is True
    assert said["credentials"]["state"] == "trusted" and "Counterface" in said["credentials"]["signer"]
    assert [a["action"] for a in said["credentials"]["actions"]] == ["c2pa.created", "c2pa.edited"]
    assert said["credentials"]["ingredients"] == []
    assert said["badge"]["found"] and said["badge"]["frames"] == said["badge"]["frames_looked_at"] == 5
    assert any("Marked by this studio" in sentence for sentence in said["words"])


def test_the_watermark_is_not_claimed(ours: Path, plain: Path) -> None:
    for path in (ours, plain):
        watermark = verify(path).to_json()["watermark"]
        assert (watermark["present"], watermark["id"], watermark["confidence"]) == (False, None, 0.0)
        assert "neither writes nor reads" in watermark["note"]


def test_an_unmarked_file_is_an_answer(plain: Path) -> None:
    found = verify(plain)
    assert found.credentials.state == "none" and not found.studio_output and not found.badge.found
    assert any("does not mean authentic" in sentence for sentence in found.words)


def test_one_flipped_bit(ours: Path) -> None:
    data = bytearray(ours.read_bytes())
    middle = data.find(b"mdat") + 2000
    data[middle] ^= 1
    ours.write_bytes(data)
    found = verify(ours)
    assert found.credentials.state == "invalid" and not found.studio_output
    assert any("changed after" in sentence for sentence in found.words)


def test_on_another_machine_the_signer_is_unknown(ours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path / "elsewhere"))
    found = verify(ours)
    assert found.credentials.state == "valid" and found.studio_output
    assert any("does not know the signer" in sentence for sentence in found.words)
    assert not (tmp_path / "elsewhere").exists()


def test_after_a_re_encoding_only_the_badge_is_left(ours: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    with encoder_like(copy, probe(ours), crf=30) as encoder:
        for frame in read_frames(ours):
            encoder.write(frame)
    found = verify(copy)
    assert found.credentials.state == "none" and not found.studio_output and found.badge.found


def test_a_picture(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    write_picture(tmp_path / "a.png", image, MAKING)
    cv2.imwrite(str(tmp_path / "b.png"), image)
    assert verify(tmp_path / "a.png").studio_output
    assert verify(tmp_path / "b.png").credentials.state == "none"


def test_a_container_that_cannot_carry_credentials(tmp_path: Path) -> None:
    assert verify(clip(tmp_path / "a.mkv")).credentials.state == "none"


def test_a_clip_of_one_frame(tmp_path: Path) -> None:
    assert verify(clip(tmp_path / "one.mp4", 1)).badge.looked_at == 1


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
        assert found.credentials.state in ("none", "invalid") and not found.studio_output
