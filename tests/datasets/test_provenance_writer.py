"""The one writer of synthetic media: every output is marked and whole, or is not there."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import signerkit
from cryptography.x509.oid import ExtendedKeyUsageOID
from skimage.data import astronaut

from datasets.encode import ClipEncoder
from datasets.errors import InputError, Refused
from datasets.provenance import writer as writer_module
from datasets.provenance.badge import badge, badge_box, has_badge
from datasets.provenance.consent import from_option
from datasets.provenance.reading import read_credentials
from datasets.provenance.records import find
from datasets.provenance.signers import SignerSettings, studio_signer
from datasets.provenance.verify import verify
from datasets.provenance.watermarkreading import read_id, read_watermark
from datasets.provenance.writer import Ingredient, Making, SyntheticWriter, picture_bytes, pixel_marks, write_picture
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


def write(out: Path, clip: Path, making: Making, force: bool = False) -> SyntheticWriter:
    with SyntheticWriter(out, probe(clip), making, force=force) as writer:
        for frame in read_frames(clip):
            writer.write(frame)
    return writer


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v"])
def test_every_frame_is_marked_and_the_file_is_signed(clip: Path, making: Making, folder: Path, suffix: str) -> None:
    out = folder / f"out{suffix}"
    writer = write(out, clip, making)
    assert writer.marks is not None
    assert (writer.marks.badge, writer.marks.credentials) == (True, "trusted")
    # Frames as flat and small as these hold the pattern, and the id only with luck.
    assert all("its id cannot be read back" in note for note in writer.marks.notes)
    assert read_credentials(out).soft_binding == writer.marks.watermark
    found = read_watermark(out)
    # So small and empty a clip does not hold every id; another one it must never say.
    assert found.present and found.id in (None, writer.marks.watermark)
    record = find(writer.marks.watermark)
    assert record is not None and record.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
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


def test_marks_change_a_picture_little_and_leave_the_one_given_alone() -> None:
    image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    kept, out = image.copy(), pixel_marks().apply(image)
    x0, y0, x1, y1 = badge_box(128, 96)
    changed = out.astype(float) - kept
    changed[y0:y1, x0:x1] = 0
    assert np.array_equal(image, kept) and 0 < np.mean(changed**2) < 255**2 / 10**4.2


def test_every_output_has_an_id_of_its_own(clip: Path, making: Making, folder: Path) -> None:
    ids = {write(folder / f"{i}.mp4", clip, making).marks.watermark for i in range(3)}  # type: ignore[union-attr]
    assert len(ids) == 3


def test_an_id_that_is_taken_is_never_written_twice(
    clip: Path, making: Making, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(folder / "first.mp4", clip, making)
    assert first.marks is not None
    drawn = iter([int(first.marks.watermark, 16), 77])
    monkeypatch.setattr(writer_module, "new_id", lambda: next(drawn))
    second = write(folder / "second.mp4", clip, making)
    assert second.marks is not None and second.marks.watermark == "0000004d"


def test_without_a_record_no_output(clip: Path, making: Making, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(record: object, again: bool = False) -> None:
        raise Refused("the table is full")

    monkeypatch.setattr(writer_module, "remember", refuse)
    with pytest.raises(Refused, match="the table is full"):
        write(folder / "out.mp4", clip, making)
    assert names(folder) == []


@pytest.mark.parametrize("key", ["watermark/mark.key", "credentials/leaf.key"])
def test_a_damaged_key_stops_the_work_before_it_begins(
    clip: Path, making: Making, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path / "home"))
    SyntheticWriter(folder / "out.mp4", probe(clip), making)
    (tmp_path / "home" / key).write_text("rubbish")
    with pytest.raises(Refused, match=Path(key).name):
        SyntheticWriter(folder / "out.mp4", probe(clip), making)
    assert names(folder) == []


def test_a_certificate_that_cannot_sign_is_noticed_before_the_first_frame(
    clip: Path, making: Making, folder: Path, tmp_path: Path
) -> None:
    studio = signerkit.studio(tmp_path, purpose=ExtendedKeyUsageOID.SERVER_AUTH)
    signer = studio_signer(SignerSettings(certificate=studio.certificate_file, key=studio.key_file))
    with pytest.raises(Refused, match="e-mail protection or document signing"):
        SyntheticWriter(folder / "out.mp4", probe(clip), making, signer=signer)
    assert names(folder) == []


def test_a_clip_too_empty_for_the_watermark_says_so(making: Making, folder: Path) -> None:
    with ClipEncoder(folder / "black.mp4", (64, 64), Fraction(20)) as encoder:
        for index in range(5):
            encoder.write(Frame(index, index / 20, np.zeros((64, 64, 3), np.uint8)))
    out = write(folder / "out.mp4", folder / "black.mp4", making)
    assert out.marks is not None and "cannot be read back" in out.marks.notes[0]


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
        pytest.raises(Refused, match="could not be matched again"),
        SyntheticWriter(folder / "out.mp4", probe(clip), making) as writer,
    ):
        writer.write(next(frames()))
        shutil.rmtree(tmp_path / "home")
        (tmp_path / "home").write_text("in the way")
    assert names(folder) == []


def test_a_signature_that_does_not_read_back_is_not_released(
    clip: Path, making: Making, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_copied(making: object, format: str, source: object, target: object, *others: object) -> bytes:
        shutil.copyfileobj(source, target)  # type: ignore[arg-type]
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
    x0, y0, x1, y1 = badge_box(131, 97)
    if format == "png":
        # A little of the picture, and of the mark in it, shines through the badge.
        assert np.abs(back[y0:y1, x0:x1].astype(int) - badge(image)[y0:y1, x0:x1]).max() <= 4
    own = read_credentials(folder / name)
    assert own.soft_binding is not None and find(own.soft_binding) is not None
    (folder / name).write_bytes(picture_bytes(image, making, format))  # type: ignore[arg-type]
    again = read_credentials(folder / name)
    assert again.state == "trusted" and again.soft_binding != own.soft_binding


@pytest.mark.parametrize("name", ["p.jpg", "p.png"])
def test_a_pictures_watermark_is_read_again(making: Making, folder: Path, name: str) -> None:
    write_picture(folder / name, np.ascontiguousarray(astronaut()[:360, :480]), making)
    assert read_watermark(folder / name).id == read_credentials(folder / name).soft_binding


def test_an_id_that_a_picture_does_not_hold_is_drawn_anew(
    making: Making, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(range(0x1000, 0x2000))
    lost = {f"{0x1000 + i:08x}" for i in range(2)}
    monkeypatch.setattr(writer_module, "new_id", lambda: next(drawn))
    monkeypatch.setattr(
        writer_module, "read_id", lambda image: found if (found := read_id(image)) not in lost else None
    )
    image = np.ascontiguousarray(astronaut()[:480, :480])
    write_picture(folder / "p.jpg", image, making)
    assert read_credentials(folder / "p.jpg").soft_binding not in lost
    write_picture(folder / "flat.png", np.full((32, 32, 3), 90, np.uint8), making)
    assert read_credentials(folder / "flat.png").state == "trusted"


def test_a_picture_in_a_form_that_carries_no_marks(making: Making, folder: Path) -> None:
    with pytest.raises(InputError, match="must end in"):
        write_picture(folder / "p.bmp", picture(0), making)
    with pytest.raises(InputError, match="jpeg or png"):
        picture_bytes(picture(0), making, "gif")  # type: ignore[arg-type]
    assert names(folder) == []
