"""Reading video: every frame once, upright, with the container's own time; what is damaged is said."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from footage import turn_by_quarter, write_clip

from datasets import video
from datasets.ahead import Handed, ahead
from datasets.encode import ClipEncoder
from datasets.errors import InputError
from datasets.video import (
    Frame,
    frames_at,
    is_picture,
    open_container,
    probe,
    read_frames,
    read_grey,
    read_picture,
    spread,
    timestamps,
)

COUNT = 60
TIMES = np.concatenate([[0.0], np.cumsum(np.random.default_rng(1).choice([0.02, 0.04, 0.2], COUNT - 1))])


def picture(number: int, width: int = 64, height: int = 48) -> np.ndarray:
    """Its number is told by its grey, and up from down by a red corner."""
    image = np.full((height, width, 3), 30 + 3 * number, np.uint8)
    image[: height // 3, : width // 3] = (220, 20, 40)
    return image


def number(image: np.ndarray) -> int:
    return round((float(image[-8:, -8:].mean()) - 30) / 3)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", [picture(i) for i in range(COUNT)], TIMES.tolist())


def test_frames_come_in_order_each_with_its_time(clip: Path) -> None:
    frames = list(read_frames(clip))
    assert [frame.index for frame in frames] == list(range(COUNT)) == [number(frame.image) for frame in frames]
    assert np.allclose([frame.time for frame in frames], TIMES, atol=1e-4)
    assert np.allclose(timestamps(clip), TIMES, atol=1e-4)
    image = frames[0].image
    assert image.dtype == np.uint8 and image.shape == (48, 64, 3) and image[2, 2, 0] > 150 > image[2, 2, 2]


def test_every_nth_from_somewhere_on_keeps_the_true_index(clip: Path) -> None:
    frames = list(read_frames(clip, every=7, start=3))
    assert [frame.index for frame in frames] == list(range(3, COUNT, 7)) == [number(frame.image) for frame in frames]


@pytest.mark.parametrize("wanted", [[0], [COUNT - 1], [2, 3, 40, 59], [], list(range(COUNT))])
def test_chosen_frames_are_those_of_that_number(clip: Path, wanted: list[int]) -> None:
    frames = list(frames_at(clip, wanted))
    assert [frame.index for frame in frames] == wanted == [number(frame.image) for frame in frames]
    assert np.allclose([frame.time for frame in frames], TIMES[wanted], atol=1e-4)


@pytest.mark.parametrize("apart", [1, 7, 60])
def test_seeking_passes_over_what_no_key_frame_parts_from_the_frame_before(
    tmp_path: Path, apart: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, sought = tmp_path / "keys.mp4", list[int]()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"g": str(apart), "sc_threshold": "0", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(COUNT):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(i), format="rgb24")))
        container.mux(stream.encode(None))

    class Watched:
        def __init__(self, container: object) -> None:
            self.container = container

        def __getattr__(self, name: str) -> object:
            return getattr(self.container, name)

        def __enter__(self) -> object:
            return self

        def __exit__(self, *_: object) -> None:
            self.container.close()  # type: ignore[attr-defined]

        def seek(self, ticks: int, **options: object) -> None:
            sought.append(ticks)
            self.container.seek(ticks, **options)  # type: ignore[attr-defined]

    monkeypatch.setattr(video, "open_container", lambda path, real=open_container: Watched(real(path)))
    wanted = [3, 5, 30, 55, 58]
    assert [number(frame.image) for frame in frames_at(path, wanted)] == wanted
    assert len(sought) == (1 if apart == 60 else 3)


@pytest.mark.parametrize("count", [1, 4, COUNT, 10 * COUNT])
def test_spread_frames_cover_the_clip(clip: Path, count: int) -> None:
    indices = [frame.index for frame in spread(clip, count)]
    assert len(indices) == min(count, COUNT) and indices == sorted(set(indices))
    assert abs(np.mean(indices) - (COUNT - 1) / 2) <= 1


def test_a_clip_is_described(clip: Path) -> None:
    about = probe(clip)
    assert (about.width, about.height, about.rotation, about.frames, about.has_audio) == (64, 48, 0, COUNT, False)
    assert about.codec == "h264" and about.duration == pytest.approx(TIMES[-1], abs=0.3)


def test_a_turned_clip_is_read_upright(clip: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(clip.read_bytes())
    turn_by_quarter(turned)
    about, first = probe(turned), next(read_frames(turned)).image
    assert about.rotation in (90, 270) and (about.width, about.height) == (48, 64) == first.shape[1::-1]
    corner = {90: first[-2, 2], 270: first[2, -2]}[about.rotation]
    assert corner[0] > 150 > corner[2]


def test_a_last_frame_that_is_shown_long_is_no_cut(tmp_path: Path) -> None:
    """Recordings of a screen end so: the container's duration goes far beyond the last frame's time."""
    path = tmp_path / "long.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        packets = []
        for i in range(20):
            shown = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
            shown.pts, shown.time_base = 40 * i, Fraction(1, 1000)
            packets += stream.encode(shown)
        packets += stream.encode(None)
        last = max(packets, key=lambda packet: packet.pts)
        last.duration = 3000
        container.mux(packets)
    assert len(list(read_frames(path))) == 20
    assert probe(path).frames == 20


def test_frames_that_an_edit_list_hides_are_counted_by_no_one(clip: Path, tmp_path: Path) -> None:
    """A clip trimmed on a telephone carries frames before its beginning, which players do not show."""
    trimmed = tmp_path / "trimmed.mp4"
    content = bytearray(clip.read_bytes())
    at = content.find(b"elst") + 4
    assert at > 4 and content[at] == 0
    (media_time,) = struct.unpack(">i", content[at + 12 : at + 16])
    content[at + 12 : at + 16] = struct.pack(">i", media_time + round(TIMES[10] * 12_800))
    trimmed.write_bytes(content)
    frames, times = list(read_frames(trimmed)), timestamps(trimmed)
    assert number(frames[0].image) >= 9 and len(frames) < COUNT
    assert np.allclose([frame.time for frame in frames], times)
    chosen = next(frames_at(trimmed, [5]))
    assert number(chosen.image) == number(frames[5].image)


@pytest.mark.parametrize("content", [b"", b"a letter", None])
def test_what_is_no_video_is_said(clip: Path, tmp_path: Path, content: bytes | None) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(clip.read_bytes()[:600] if content is None else content)
    for call in (probe, timestamps, lambda p: next(read_frames(p)), lambda p: next(frames_at(p, [0]))):
        with pytest.raises(InputError, match=r"bad\.mp4"):
            call(bad)
    with pytest.raises(InputError, match="There is no file"):
        probe(tmp_path / "none.mp4")
    with pytest.raises(InputError, match="is a folder"):
        probe(tmp_path)


def test_a_clip_that_breaks_off_is_said_before_the_work_begins(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (COUNT, 48, 64, 3), dtype=np.uint8)
    whole = write_clip(tmp_path / "whole.mp4", list(noise))
    probe(whole)
    half = tmp_path / "half.mp4"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    with pytest.raises(InputError, match="cut off: its index promises"):
        probe(half)


def test_pictures_are_known_by_name_and_read_as_rgb(tmp_path: Path) -> None:
    import cv2

    assert is_picture(Path("a.JPG")) and is_picture(Path("b.png")) and not is_picture(Path("c.mp4"))
    cv2.imwrite(str(tmp_path / "a.png"), picture(3)[..., ::-1])
    assert np.array_equal(read_picture(tmp_path / "a.png"), picture(3))
    (tmp_path / "b.png").write_bytes(b"no picture")
    (tmp_path / "c.png").touch()
    for name in ("b.png", "c.png", "d.png"):
        with pytest.raises(InputError):
            read_picture(tmp_path / name)


def test_grey_and_lossless_clips_come_back_as_they_were(tmp_path: Path) -> None:
    masks = np.random.default_rng(0).integers(0, 256, (5, 33, 47), dtype=np.uint8)
    with ClipEncoder(tmp_path / "m.mkv", (47, 33), codec="ffv1", grey=True) as encoder:
        for i, mask in enumerate(masks):
            encoder.write(Frame(i, i / 25, mask))
    for frame, mask in zip(read_frames(tmp_path / "m.mkv"), masks, strict=True):
        assert np.array_equal(frame.image, np.repeat(mask[..., None], 3, 2))


class Along:
    """Keeps what it is shown."""

    def __init__(self) -> None:
        self.seen: list[tuple[np.ndarray, float, bool]] = []
        self.said: list[InputError | None] = []

    def __call__(self, luma: np.ndarray, time: float, is_key: bool) -> None:
        self.seen.append((luma.copy(), time, is_key))

    def ended(self, error: InputError | None) -> None:
        self.said.append(error)


@pytest.mark.parametrize(
    "read",
    [lambda path, luma: frames_at(path, [3, 4, 41], luma=luma), lambda path, luma: read_frames(path, 7, luma=luma)],
    ids=["chosen", "every 7th"],
)
def test_who_looks_along_is_shown_every_frame_and_changes_nothing(clip: Path, read: Callable[..., Any]) -> None:
    along = Along()
    for alone, shared in zip(read(clip, None), read(clip, along), strict=True):
        assert alone.index == shared.index and np.array_equal(alone.image, shared.image)
    for known, found in zip(read_grey(clip), along.seen, strict=True):
        assert np.array_equal(known[0], found[0]) and known[1:] == found[1:]
    assert along.said == [None]


def test_where_a_clip_breaks_off_the_wanted_frames_are_sought_still(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    along = Along()

    def breaks(picture: object, time: float, luma: Along, show=video._show) -> None:  # type: ignore[no-untyped-def]
        if len(along.seen) == 20:
            raise InputError("damaged here")
        show(picture, time, luma)

    monkeypatch.setattr(video, "_show", breaks)
    assert [frame.index for frame in frames_at(clip, [3, 15, 30, 50], luma=along)] == [3, 15, 30, 50]
    assert len(along.seen) == 20 and str(along.said[0]) == "damaged here" and len(along.said) == 1


def test_what_is_handed_over_comes_in_order_with_the_error_last_and_is_dropped_when_nobody_wants_it() -> None:
    handed: Handed[int] = Handed(2)
    maker = threading.Thread(target=lambda: [handed.put(i) for i in range(9)] and handed.end(InputError("broken")))
    maker.start()
    taken = []
    with pytest.raises(InputError, match="broken"):
        for item in handed:
            taken.append(item)
    maker.join(5)
    assert taken == list(range(9))
    unwanted: Handed[int] = Handed(1)
    unwanted.close()
    for i in range(5):
        unwanted.put(i)
    assert list(unwanted) == []


def test_ahead_keeps_the_order_hands_over_errors_and_lets_go() -> None:
    assert list(ahead(range(100), 3)) == list(range(100))

    def broken():  # type: ignore[no-untyped-def]
        yield 1
        raise InputError("damaged after 1")

    taken = []
    with pytest.raises(InputError, match="damaged after 1"):
        for item in ahead(broken()):
            taken.append(item)
    assert taken == [1]
    closed = threading.Event()

    def endless():  # type: ignore[no-untyped-def]
        try:
            i = 0
            while True:
                yield (i := i + 1)
        finally:
            closed.set()

    stream = ahead(endless(), 2)
    assert next(stream) == 1
    stream.close()
    assert closed.wait(10), "what was read ahead is still open"
