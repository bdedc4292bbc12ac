"""What the dashboard reads and keeps: allowed folders alone, files that were looked at first, a quota."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import pytest

from datasets.errors import InputError, Refused
from datasets.workspace import Workspace
from ui.services import access
from ui.services.access import allowed, allowed_folders, keep_upload, look_at, require_room, safe_name
from ui.services.probing import kind_of, picture_size
from ui.settings import studio_home, studio_settings


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    (tmp_path / "started").mkdir()
    monkeypatch.chdir(tmp_path / "started")
    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside", "started/../../x", "~root/.ssh", "link/secret", "a\0b"])
def test_what_lies_outside_is_not_read(own: Path, path: str) -> None:
    (own / "outside").write_text("x")
    (own / "started" / "link").symlink_to("/etc")
    with pytest.raises((Refused, InputError)):
        allowed(path)


def test_what_lies_inside_is(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own / "started" / "a.mp4").write_text("x")
    assert allowed("a.mp4") == own / "started" / "a.mp4"
    with pytest.raises(InputError, match=r"There is no b\.mp4"):
        allowed("b.mp4")
    (own / "more").mkdir()
    with pytest.raises(Refused):
        allowed(own / "more")
    monkeypatch.setenv("COUNTERFACE_STUDIO_FOLDERS", f'["{own}/more"]')
    assert allowed(own / "more") == own / "more"


def test_where_others_reach_it_the_folder_it_was_started_in_is_not_read(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERFACE_STUDIO_PUBLIC", "true")
    assert own / "started" not in allowed_folders() and studio_home() in allowed_folders()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("clip.mp4", "clip.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a b.MP4", "a_b.mp4"),
        (".hidden", "hidden"),
        ("..", "file"),
        ("a\0b\n<script>.mp4", "a_b_script.mp4"),
        ("-rf.mp4", "rf.mp4"),
        ("x" * 300 + ".mp4", "x" * 80 + ".mp4"),
        ("клип.mov", "клип.mov"),
    ],
)
def test_names_of_uploads_are_only_names(given: str, kept: str) -> None:
    assert safe_name(given) == kept


def png(width: int, height: int) -> bytes:
    """A PNG that declares a size and holds no pixels worth it: what a decompression bomb looks like."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.exe", b"MZ", "of no kind that is taken here"),
        ("a.mp4", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "is not a video"),
        ("a.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n", "is not a video"),
        ("a.mp4", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a video"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 5, "does not say how large"),
        ("a.png", png(60000, 60000), "60000 x 60000 pixels"),
        ("a.png", png(2000, 2000), "cannot be read|damaged|not a picture"),
        ("a.mp4", b"\0\0\0\x18ftypisom" + os.urandom(4000), "not a video that can be read"),
        ("a.mp4", b"", "is not a video"),
    ],
)
def test_hostile_files_are_refused_and_not_kept(name: str, content: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        keep_upload(name, io.BytesIO(content))
    assert str(studio_home()) not in str(error.value)
    uploads = studio_home() / "uploads"
    assert not uploads.exists() or not list(uploads.iterdir())


def test_a_clip_is_kept_under_a_folder_of_its_own(made_workspace: Workspace) -> None:
    content = made_workspace.clip("destination").read_bytes()
    found = [keep_upload("../my clip.mp4", io.BytesIO(content)) for _ in range(2)]
    assert found[0].path != found[1].path and found[0].path.name == "my_clip.mp4"
    assert (found[0].kind, found[0].width, found[0].frames, found[0].sound) == ("video", 192, 40, False)
    assert found[0].path.read_bytes() == content and allowed(found[0].path) == found[0].path.resolve()
    access.drop_upload(made_workspace.clip("destination"))
    access.drop_upload(found[0].path)
    assert found[1].path.is_file() and not found[0].path.parent.exists()
    assert made_workspace.clip("destination").is_file()


def test_limits_hold(made_workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = made_workspace.clip("destination")
    for name, value, said in (
        ("LONGEST_MINUTES", "0.01", "minutes"),
        ("LARGEST_MEGAPIXELS", "0.01", "192 x 192 pixels"),
        ("PROBE_MEMORY_MB", "200", "within the limits|more memory"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(f"COUNTERFACE_STUDIO_{name}", value)
            with pytest.raises(InputError, match=said):
                look_at(clip)
    with pytest.raises(InputError, match="is not a picture"):
        look_at(clip, ("picture",))


def test_the_quota_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    (studio_home() / "big").write_bytes(b"x" * 2_000_000)
    require_room()
    monkeypatch.setenv("COUNTERFACE_STUDIO_QUOTA_GB", "0.003")
    require_room(500_000)
    with pytest.raises(InputError, match="may hold"):
        require_room(1_500_000)
    monkeypatch.setenv("COUNTERFACE_STUDIO_UPLOAD_MB", "1")
    with pytest.raises(InputError, match="1 MB are taken at most"):
        keep_upload("a.mp4", io.BytesIO(b"x" * 1_500_000))
    assert access.used_bytes() == 2_000_000


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0" + b"\0" * 60, "picture"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "picture"),
        (b"RIFF\0\0\0\0AVI LIST", "video"),
        (b"\x1aE\xdf\xa3", "video"),
        (b"\0\0\0 ftypmp42", "video"),
        (b"GIF89a", ""),
        (b"%PDF-1.7", ""),
    ],
)
def test_the_kind_is_told_by_the_first_bytes(head: bytes, kind: str) -> None:
    assert kind_of(head) == kind


def test_the_size_is_told_without_decoding(tmp_path: Path) -> None:
    import cv2
    import numpy as np

    image = np.zeros((37, 61, 3), np.uint8)
    for suffix in (".jpg", ".png", ".webp"):
        cv2.imwrite(str(tmp_path / f"a{suffix}"), image)
        assert picture_size(tmp_path / f"a{suffix}") == (61, 37), suffix


def test_settings_that_make_no_sense_are_one_sentence(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFACE_STUDIO_PASSWORD", "short")
    with pytest.raises(InputError, match="PASSWORD"):
        studio_settings()
    monkeypatch.delenv("COUNTERFACE_STUDIO_PASSWORD")
    with monkeypatch.context() as bare:
        bare.setenv("COUNTERFACE_STUDIO_FOLDERS", "/srv/clips")
        with pytest.raises(InputError, match=r"environment .*folders.*lists are JSON"):
            studio_settings()
    (own / "home").mkdir(exist_ok=True)
    file = own / "home" / "studio.toml"
    file.write_text("quota_gb = 3\n")
    assert studio_settings().quota_gb == 3
    file.write_text("quota = 3\n")
    with pytest.raises(InputError, match="quota"):
        studio_settings()
    file.write_text("quota = = 3\n")
    with pytest.raises(InputError, match="cannot be read"):
        studio_settings()
