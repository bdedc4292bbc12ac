"""Frames and their times, sound and size survive the encoder."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from datasets.encode import ClipEncoder, encoder_like
from datasets.errors import InputError
from datasets.video import Frame, open_container, probe, read_frames, timestamps

COUNT = 30
EVEN = np.arange(COUNT) / 25
UNEVEN = np.concatenate([[0.0], np.cumsum(np.random.default_rng(3).choice([0.02, 0.04, 0.1, 0.25], COUNT - 1))])
NTSC = np.arange(COUNT) * 1001 / 30000


def picture(number: int, width: int, height: int) -> np.ndarray:
    """A picture that tells its number by its grey, and up from down by a red corner."""
    image = np.full((height, width, 3), 40 + number * 6 % 180, np.uint8)
    image[: height // 2, : width // 3] = (220, 20, 40)
    return image


def frames(times: np.ndarray, width: int = 64, height: int = 48) -> Iterator[Frame]:
    for index, time in enumerate(times):
        yield Frame(index, float(time), picture(index, width, height))


def make(
    path: Path,
    times: np.ndarray,
    size: tuple[int, int] = (64, 48),
    rate: Fraction = Fraction(25),
    audio: str | None = None,
) -> Path:
    """A clip made with PyAV alone, so that the encoder is not tested against itself."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p" if size[0] % 2 == size[1] % 2 == 0 else "yuv444p"
        base = Fraction(1, 30_000)
        stream.codec_context.time_base = base
        sound = None
        if audio:
            sound = container.add_stream(audio, rate=44_100)
            sound.layout = "stereo"
        for frame in frames(times, *size):
            shown = av.VideoFrame.from_ndarray(frame.image, format="rgb24")
            shown.pts, shown.time_base = round(frame.time / base), base
            container.mux(stream.encode(shown))
        container.mux(stream.encode(None))
        if sound:
            for start in range(0, int((times[-1] + 0.04) * 44_100), 1024):
                wave = (np.sin(np.arange(start, start + 1024) * 0.06) * 9000).astype(np.int16)
                piece = av.AudioFrame.from_ndarray(np.repeat(wave, 2)[None], format="s16", layout="stereo")
                piece.sample_rate, piece.pts, piece.time_base = 44_100, start, Fraction(1, 44_100)
                container.mux(sound.encode(piece))
            container.mux(sound.encode(None))
    return path


def through(clip: Path, out: Path) -> ClipEncoder:
    with encoder_like(out, probe(clip), preset="ultrafast") as encoder:
        for frame in read_frames(clip):
            encoder.write(frame)
    return encoder


def sound_packets(path: Path) -> tuple[str, list[bytes], float]:
    with open_container(path) as container:
        stream = container.streams.audio[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        codec = stream.codec_context.codec.canonical_name
        return codec, [bytes(packet) for packet in packets], float(packets[0].pts * stream.time_base)


@pytest.mark.parametrize(
    ("times", "rate"),
    [(EVEN, Fraction(25)), (UNEVEN, Fraction(25)), (NTSC, Fraction(30_000, 1001)), (EVEN + 0.48, Fraction(25))],
    ids=["even", "uneven", "ntsc", "late start"],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_every_frame_keeps_its_time(tmp_path: Path, times: np.ndarray, rate: Fraction, suffix: str) -> None:
    clip, out = make(tmp_path / "in.mp4", times, rate=rate), tmp_path / f"out{suffix}"
    through(clip, out)
    assert np.array_equal(timestamps(out), timestamps(clip))
    assert np.allclose(timestamps(out), times, atol=1e-4)
    assert not probe(out).has_audio
    for before, after in zip(read_frames(clip), read_frames(out), strict=True):
        assert np.abs(before.image.astype(int) - after.image).mean() < 4


@pytest.mark.parametrize("size", [(65, 47), (64, 47), (65, 48), (48, 64), (17, 33)])
def test_every_size_is_kept(tmp_path: Path, size: tuple[int, int]) -> None:
    clip, out = make(tmp_path / "in.mp4", EVEN[:5], size), tmp_path / "out.mp4"
    through(clip, out)
    frames_out = list(read_frames(out))
    assert len(frames_out) == 5
    assert frames_out[0].image.shape == (size[1], size[0], 3)
    assert np.abs(frames_out[3].image.astype(int) - picture(3, *size)).mean() < 6


def test_a_rotated_clip_comes_out_upright(tmp_path: Path) -> None:
    upright, turned = make(tmp_path / "in.mp4", EVEN[:4]), tmp_path / "turned.mp4"
    with av.open(str(upright)) as source, av.open(str(turned), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    turn_by_quarter(turned)
    info = probe(turned)
    assert info.rotation in (90, 270) and (info.width, info.height) == (48, 64)
    out = tmp_path / "out.mp4"
    through(turned, out)
    after = probe(out)
    assert (after.width, after.height, after.rotation) == (48, 64, 0)
    for before, shown in zip(read_frames(turned), read_frames(out), strict=True):
        assert np.abs(before.image.astype(int) - shown.image).mean() < 6


def turn_by_quarter(path: Path) -> None:
    """Write a quarter turn into the display matrix of an mp4's track header (ISO/IEC 14496-12, tkhd)."""
    data = bytearray(path.read_bytes())
    straight = b"".join(v.to_bytes(4, "big") for v in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))
    turned = b"".join((v & 0xFFFFFFFF).to_bytes(4, "big") for v in (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000))
    at = data.find(straight, data.find(b"tkhd"))
    data[at : at + len(turned)] = turned
    path.write_bytes(data)


@pytest.mark.parametrize(("suffix", "audio"), [(".mp4", "aac"), (".mov", "aac"), (".mp4", "mp3"), (".mp4", "flac")])
def test_sound_is_copied_packet_by_packet(tmp_path: Path, suffix: str, audio: str) -> None:
    clip, out = make(tmp_path / "in.mkv", EVEN, audio=audio), tmp_path / f"out{suffix}"
    encoder = through(clip, out)
    before, after = sound_packets(clip), sound_packets(out)
    assert before[:2] == after[:2] and encoder.notes == []
    assert len(timestamps(out)) == COUNT


@pytest.mark.parametrize(("audio", "suffix"), [("pcm_s16le", ".mp4"), ("pcm_s16le", ".mov"), ("flac", ".mov")])
def test_sound_that_cannot_be_copied_becomes_aac_and_is_noted(tmp_path: Path, audio: str, suffix: str) -> None:
    clip, out = (
        make(tmp_path / ("in.mov" if audio[0] == "p" else "in.mkv"), EVEN, audio=audio),
        tmp_path / f"out{suffix}",
    )
    encoder = through(clip, out)
    assert sound_packets(out)[0] == "aac"
    assert len(encoder.notes) == 1 and audio in encoder.notes[0]
    with open_container(out) as container:
        samples = sum(piece.samples for piece in container.decode(audio=0))
    assert abs(samples / 44_100 - 1.2) < 0.1


def test_lossless_grey_comes_back_as_it_was(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "mask.mkv"
    masks = [rng.integers(0, 256, (47, 65), dtype=np.uint8) for _ in range(6)]
    with ClipEncoder(path, (65, 47), codec="ffv1", grey=True) as encoder:
        for index, mask in enumerate(masks):
            encoder.write(Frame(index, index / 25, mask))
    with open_container(path) as container:
        back = [shown.to_ndarray(format="gray") for shown in container.decode(video=0)]
    assert len(back) == 6 and all(np.array_equal(a, b) for a, b in zip(masks, back, strict=True))


def test_times_that_stand_still_still_give_every_frame(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with ClipEncoder(path, (64, 48), preset="ultrafast") as encoder:
        for index in range(5):
            encoder.write(Frame(index, 0.2, picture(index, 64, 48)))
    assert len(timestamps(path)) == 5 and (np.diff(timestamps(path)) > 0).all()


def test_a_frame_of_another_size_is_a_mistake_of_the_code(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="frame of"),
        ClipEncoder(tmp_path / "out.mp4", (64, 48)) as encoder,
    ):
        encoder.write(Frame(0, 0.0, picture(0, 32, 48)))


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(av, "open", denied)
    with pytest.raises(InputError, match=r"shown\.mp4 cannot be written"):
        ClipEncoder(tmp_path / "hidden.mp4", (64, 48), name=tmp_path / "shown.mp4")
