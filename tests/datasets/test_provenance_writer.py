"""The one writer of synthetic media: every output is marked and whole, or is not there."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.encode import ClipEncoder
from datasets.errors import InputError, Refused
from datasets.provenance import writer as writer_module
from datasets.provenance.badge import badge, badge_box, has_badge
from datasets.provenance.consent import from_option
from datasets.provenance.reading import read_credentials
from datasets.provenance.verify import verify
from datasets.provenance.writer import Ingredient, Making, SyntheticWriter, marked, picture_bytes, write_picture
from datasets.video import Frame, probe, read_frames, read_picture, timestamps

CONSENT = from_option("synthetic", "a.mp4", "b.mp4")
COUNT, WIDTH, HEIGHT = 12, 128, 96
TIMES = np.concatenate([[0.0], np.cumsum(np.random.default_rng(3).choice([0.04, 0.1], COUNT - 1))])


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    return np.full((height, width, 3), (60 + 10 * number, 120, 200 - 8 * number), np.uint8)


def frames(count: int = COUNT) -> Iterator[Frame]:
    for index in range(count):
        yield Frame(index, float(TIMES[index]), picture(index))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "in.mp4"
    with ClipEncoder(path, (WIDTH, HEIGHT), time_base=Fraction(1, 12_800), preset="ultrafast") as encoder:
        for frame in frames():
            encoder.write(frame)
    return path


@pytest.fixture
def making(clip: Path) -> Making:
    return Making("out.mp4", "quick96", CONSENT, (Ingredient(clip, "destination", "parentOf"),), {"a": 1}, "swap")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(out: Path, clip: Path, making: Making, **options: bool) -> SyntheticWriter:
    with SyntheticWriter(out, probe(clip), making, **options) as writer:
        for frame in read_frames(clip):
            writer.write(frame)
    return writer


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v"])
def test_every_frame_is_marked_and_the_file_is_signed(clip: Path, making: Making, folder: Path, suffix: str) -> None:
    out = folder / f"out{suffix}"
    writer = write(out, clip, making)
    assert writer.marks is not None
    assert (writer.marks.badge, writer.marks.credentials, writer.marks.watermark) == (True, "trusted", None)
    assert np.array_equal(timestamps(out), timestamps(clip))
    assert all(has_badge(frame.image) for frame in read_frames(out))
    assert read_credentials(out).state == "trusted"
    assert names(folder) == ["out.c2pa", f"out{suffix}"]


def test_the_manifest_is_kept_beside_the_output(clip: Path, making: Making, folder: Path) -> None:
    write(folder / "out.mp4", clip, making)
    kept = (folder / "out.c2pa").read_bytes()
    assert b"quick96" in kept and kept in (folder / "out.mp4").read_bytes()


def test_a_swap_of_a_marked_clip_keeps_its_credentials(clip: Path, making: Making, folder: Path) -> None:
    first, second = folder / "first.mp4", folder / "second.mp4"
    write(first, clip, making)
    write(second, first, replace(making, ingredients=(Ingredient(first, "first", "parentOf"),)))
    (ingredient,) = read_credentials(second).ingredients
    assert ingredient["state"] == "valid" and ingredient["generator"].startswith("counterface")


def test_what_is_written_outside_the_badge_is_what_was_given() -> None:
    image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    kept, out = image.copy(), marked(image)
    x0, y0, x1, y1 = badge_box(128, 96)
    out[y0:y1, x0:x1] = image[y0:y1, x0:x1]
    assert np.array_equal(out, kept) and np.array_equal(image, kept)


def test_no_consent_no_output(clip: Path, making: Making, folder: Path) -> None:
    expired = tuple(replace(record, date="2020-01-01", expires="2020-02-01") for record in CONSENT)
    for records in ((), CONSENT[:1], expired):
        bad = replace(making, consent=records)
        with pytest.raises(Refused) as caught:
            write(folder / "out.mp4", clip, bad)
        assert caught.value.exit_code == 3
        with pytest.raises(Refused):
            write_picture(folder / "out.jpg", picture(0), bad)
        with pytest.raises(Refused):
            picture_bytes(picture(0), bad)
    assert names(folder) == []


def test_an_output_that_is_there_is_kept_unless_forced(clip: Path, making: Making, folder: Path) -> None:
    out = folder / "out.mp4"
    out.write_text("mine")
    with pytest.raises(InputError, match="--force"):
        write(out, clip, making)
    assert out.read_text() == "mine" and names(folder) == ["out.mp4"]
    write(out, clip, making, force=True)
    assert read_credentials(out).state == "trusted"


@pytest.mark.parametrize("name", ["out.mkv", "out.avi", "out", "out.jpg"])
def test_only_containers_that_carry_the_marks(clip: Path, making: Making, folder: Path, name: str) -> None:
    with pytest.raises(InputError, match="must end in"):
        write(folder / name, clip, making)
    assert names(folder) == []


def test_not_one_frame_is_no_clip(clip: Path, making: Making, folder: Path) -> None:
    with pytest.raises(InputError, match="not one frame"), SyntheticWriter(folder / "o.mp4", probe(clip), making):
        pass
    assert names(folder) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, Refused])
def test_an_error_on_the_way_leaves_nothing(
    clip: Path, making: Making, folder: Path, error: type[BaseException]
) -> None:
    (folder / "out.mp4").write_text("the old one")
    with (
        pytest.raises(error),
        SyntheticWriter(folder / "out.mp4", probe(clip), making, force=True) as writer,
    ):
        writer.write(next(frames()))
        raise error("on purpose")
    assert names(folder) == ["out.mp4"] and (folder / "out.mp4").read_text() == "the old one"


def test_when_signing_fails_no_unmarked_file_stays(
    clip: Path, making: Making, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path / "home"))
    with (
        pytest.raises(Refused, match="cannot be made or read"),
        SyntheticWriter(folder / "out.mp4", probe(clip), making) as writer,
    ):
        writer.write(next(frames()))
        shutil.rmtree(tmp_path / "home")
        (tmp_path / "home").write_text("in the way")
    assert names(folder) == []


def test_a_signature_that_does_not_read_back_is_not_released(
    clip: Path, making: Making, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_copied(making: object, format: str, source: object, target: object, marks: object) -> bytes:
        shutil.copyfileobj(source, target)  # type: ignore[call-overload]
        return b""

    monkeypatch.setattr(writer_module, "sign", only_copied)
    with pytest.raises(Refused, match="read back as none"):
        write(folder / "out.mp4", clip, making)
    assert names(folder) == []


def full(*arguments: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def fill_encoder(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ClipEncoder, "write", full)


def fill_signing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(writer_module, "sign", full)


def fill_sidecar(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Path, "write_bytes", full)


@pytest.mark.parametrize("fill", [fill_encoder, fill_signing, fill_sidecar])
def test_a_disk_that_fills_up_at_any_step(
    clip: Path,
    making: Making,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    fill: Callable[[pytest.MonkeyPatch], None],
) -> None:
    with monkeypatch.context() as patch:
        fill(patch)
        with pytest.raises(InputError, match="No room left on the disk"):
            write(folder / "out.mp4", clip, making)
    assert names(folder) == []


ON_A_SMALL_DISK = """
import sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from datasets.errors import InputError
from datasets.provenance.consent import from_option
from datasets.provenance.writer import Making, SyntheticWriter
from datasets.video import Frame, probe

disk, clip, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
info = replace(probe(clip), width=320, height=240)
making = Making("out", "test", from_option("synthetic", "a", "b"), (), {}, "swap")
rng = np.random.default_rng(0)
try:
    with SyntheticWriter(disk / "out.mp4", info, making) as writer:
        for index in range(count):
            writer.write(Frame(index, index / 25, rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)))
    print("written")
except InputError as error:
    print(error)
print(sorted(path.name for path in disk.iterdir()))
"""


@pytest.mark.parametrize("count", [3, 40], ids=["while signing", "while encoding"])
def test_a_disk_that_is_really_full(clip: Path, tmp_path: Path, count: int) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    script = tmp_path / "fill.py"
    script.write_text(ON_A_SMALL_DISK)
    mounted = f"mount -t tmpfs -o size=260k tmpfs {disk} && exec {sys.executable} {script} {disk} {clip} {count}"
    root = Path(__file__).parents[2]
    made = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mounted] if shutil.which("unshare") else ["false"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
        check=False,
    )
    if made.returncode:
        pytest.skip("a small disk cannot be mounted here: " + made.stderr.strip()[-200:])
    assert f"No room left on the disk for {disk / 'out.mp4'}" in made.stdout
    assert made.stdout.splitlines()[-1] == "[]"


KILLED = """
import sys, time
from pathlib import Path
from datasets.provenance.consent import from_option
from datasets.provenance.writer import Making, SyntheticWriter
from datasets.video import probe, read_frames

out, clip = Path(sys.argv[1]), Path(sys.argv[2])
making = Making("out", "test", from_option("synthetic", "a", "b"), (), {}, "swap")
with SyntheticWriter(out, probe(clip), making) as writer:
    for frame in read_frames(clip):
        writer.write(frame)
    print("writing", flush=True)
    time.sleep(60)
"""


def test_after_a_kill_only_hidden_files_stay_and_the_next_run_removes_them(
    clip: Path, making: Making, folder: Path, tmp_path: Path
) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    out = folder / "out.mp4"
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, script, out, clip], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(root)}
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGKILL)
    assert names(folder) and all(name.startswith(".out.") for name in names(folder))
    write(out, clip, making)
    assert names(folder) == ["out.c2pa", "out.mp4"]


def test_the_temporary_of_a_writer_at_work_is_left_alone(clip: Path, making: Making, folder: Path) -> None:
    at_work = folder / f".out.{os.getpid()}.other.tmp.mp4"
    at_work.write_text("of a process that lives")
    write(folder / "out.mp4", clip, making)
    assert names(folder) == [at_work.name, "out.c2pa", "out.mp4"]


@pytest.mark.parametrize(("name", "format"), [("p.jpg", "jpeg"), ("p.png", "png"), ("p.jpeg", "jpeg")])
def test_a_picture_is_badged_and_signed(making: Making, folder: Path, name: str, format: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (97, 131, 3), dtype=np.uint8)
    write_picture(folder / name, image, making)
    found = verify(folder / name)
    assert found.studio_output and found.badge.found and names(folder) == [name]
    back = read_picture(folder / name)
    if format == "png":
        assert np.array_equal(back, badge(image))
    data = picture_bytes(image, making, format)  # type: ignore[arg-type]
    assert np.array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1], back)


def test_a_picture_in_a_form_that_carries_no_marks(making: Making, folder: Path) -> None:
    with pytest.raises(InputError, match="must end in"):
        write_picture(folder / "p.bmp", picture(0), making)
    with pytest.raises(InputError, match="jpeg or png"):
        picture_bytes(picture(0), making, "gif")  # type: ignore[arg-type]
    assert names(folder) == []
