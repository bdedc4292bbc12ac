"""Headers are equal on one path and differ on another; packets and manifests are measured."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pairpeople import FRAMES, SIDE, person

from datasets.audit.container import (
    PACKET_FIGURES,
    boxes,
    differing,
    header_columns,
    headers,
    manifest_size,
    packet_figures,
)
from datasets.encode import ClipEncoder
from datasets.errors import InputError
from datasets.provenance.consent import from_option
from datasets.provenance.writer import Making, SyntheticWriter
from datasets.video import Frame, probe


def clip(path: Path, number: int = 0, **options: object) -> Path:
    images, _ = person(number)
    options = {"time_base": Fraction(1, 12_800)} | options
    with ClipEncoder(path, images[0].shape[1::-1], **options) as encoder:  # type: ignore[arg-type]
        for i, image in enumerate(images):
            encoder.write(Frame(i, i / 25, image))
    return path


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("plain") / "a.mp4")


def test_other_pictures_by_the_same_path_have_the_same_headers(plain: Path, tmp_path: Path) -> None:
    assert not differing(headers(plain), headers(clip(tmp_path / "b.mp4", 2)))


@pytest.mark.parametrize(
    ("options", "field"),
    [({"crf": 23}, "encoder"), ({"preset": "ultrafast"}, "encoder"), ({"rate": Fraction(30)}, "rate")],
)
def test_another_path_shows(plain: Path, tmp_path: Path, options: dict[str, object], field: str) -> None:
    assert any(field in name for name in differing(headers(plain), headers(clip(tmp_path / "b.mp4", **options))))


def test_a_manifest_shows_as_there_or_not_and_no_other_way(plain: Path, tmp_path: Path) -> None:
    out = tmp_path / "signed.mp4"
    consent = from_option("public-domain", "a.mp4", "b.mp4")
    with SyntheticWriter(out, probe(plain), Making("signed.mp4", "m", consent, (), {}, "swap")) as writer:
        for i, image in enumerate(person(0)[0]):
            writer.write(Frame(i, i / 25, image))
    assert manifest_size(plain) == 0 and manifest_size(out) == out.with_suffix(".c2pa").stat().st_size + 8 + 16 + 21
    assert differing(headers(plain), headers(out)) == ("credentials",)


def test_boxes_add_up_to_the_file(plain: Path) -> None:
    assert sum(size for name, size, _ in boxes(plain) if name.count("/") == 1) == plain.stat().st_size
    assert "/moov/trak/mdia/minf/stbl/stsz" in [name for name, _, _ in boxes(plain)]


def test_a_lower_quality_costs_fewer_bits(plain: Path, tmp_path: Path) -> None:
    fine, coarse = packet_figures(plain), packet_figures(clip(tmp_path / "b.mp4", crf=30))
    assert len(fine) == len(PACKET_FIGURES) and np.isfinite(fine).all()
    assert fine[0] - coarse[0] > 0.2 and fine[1] > coarse[1]
    assert fine[4] == pytest.approx(25 / FRAMES, rel=0.01)


def test_what_hangs_on_the_last_frames_type_is_no_difference(tmp_path: Path) -> None:
    """With uneven times: whether the last frame came out of order is the encoder's choice, by the content."""
    said = []
    for number in range(4):
        images, _ = person(number)
        path = tmp_path / f"{number}.mp4"
        with ClipEncoder(path, (SIDE, SIDE), Fraction(30), Fraction(1, 1000)) as encoder:
            for i, image in enumerate(images):
                encoder.write(Frame(i, round(i / 30, 3), image))
        said.append(headers(path))
    assert not any(differing(said[0], other) for other in said[1:])


def test_columns_tell_apart_what_the_headers_do() -> None:
    assert header_columns([{"a": "1", "b": "x"}, {"a": "2", "b": "x"}, {"a": "1"}]).shape == (3, 3)
    assert header_columns([{"a": "1"}] * 3).shape == (3, 0)


def test_what_is_no_video_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(InputError):
        headers(tmp_path / "a.mp4")
