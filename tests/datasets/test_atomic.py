"""Old or new, never half: whatever happens while something is written."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from datasets.atomic import disk_error, refuse_overwrite, refuse_same, remove, replacing, write_json, write_text
from datasets.errors import InputError


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "a.json"
    with replacing(target) as temporary:
        temporary.write_text("{}")
        assert not target.exists() and temporary.suffix == ".json" and temporary.name.startswith(".")
    assert target.read_text() == "{}" and [p.name for p in target.parent.iterdir()] == ["a.json"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("folder", [False, True])
def test_an_error_on_the_way_leaves_the_old_one(tmp_path: Path, error: type[BaseException], folder: bool) -> None:
    target = tmp_path / "thing"
    (target.mkdir(), (target / "old").touch()) if folder else target.write_text("old")
    with pytest.raises(error), replacing(target) as temporary:
        (temporary.mkdir(), (temporary / "new").touch()) if folder else temporary.write_text("new")
        raise error
    assert [p.name for p in tmp_path.iterdir()] == ["thing"]
    assert (target / "old").exists() if folder else target.read_text() == "old"


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "thing"
    target.mkdir()
    (target / "old").touch()
    with replacing(target) as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert [p.name for p in target.iterdir()] == ["new"] and [p.name for p in tmp_path.iterdir()] == ["thing"]


def test_nothing_written_is_an_error_and_no_empty_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a"):
        pass
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from datasets.atomic import replacing\n"
        "with replacing(Path(sys.argv[1])) as t:\n    t.write_text('half'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.txt")], cwd=Path(__file__).parents[2], check=False)
    assert len(list(tmp_path.iterdir())) == 1 and not (tmp_path / "a.txt").exists()
    write_text(tmp_path / "a.txt", "whole")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "No room left"),
        (errno.EDQUOT, "No room left"),
        (errno.EFBIG, "larger"),
        (errno.EACCES, "permission"),
        (errno.EROFS, "permission"),
        (errno.EISDIR, "a folder of that name"),
        (errno.ENOTDIR, "is a file"),
        (errno.ENAMETOOLONG, "too long"),
    ],
)
def test_what_the_disk_says_becomes_a_sentence(tmp_path: Path, number: int, words: str) -> None:
    said = disk_error(OSError(number, os.strerror(number)), tmp_path / "a")
    assert isinstance(said, InputError) and words in str(said) and str(tmp_path / "a") in str(said)
    with pytest.raises(InputError, match=words), replacing(tmp_path / "a"):
        raise OSError(number, os.strerror(number))


def test_an_error_of_another_kind_is_not_the_disks(tmp_path: Path) -> None:
    assert disk_error(OSError(errno.ECONNRESET, "reset"), tmp_path) is None
    with pytest.raises(ConnectionResetError), replacing(tmp_path / "a"):
        raise ConnectionResetError(errno.ECONNRESET, "reset")


def test_overwriting_is_refused_unless_forced(tmp_path: Path) -> None:
    refuse_overwrite(tmp_path / "a", False)
    (tmp_path / "a").touch()
    refuse_overwrite(tmp_path / "a", True)
    with pytest.raises(InputError, match="--force"):
        refuse_overwrite(tmp_path / "a", False)


def test_an_input_is_no_output_even_when_forced(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for other in (tmp_path / "a", tmp_path / "b"):
        with pytest.raises(InputError, match="never replaced"):
            refuse_same(tmp_path / "a", other)
    refuse_same(tmp_path / "c", tmp_path / "a")


def test_removing_takes_files_folders_and_nothing_but_the_link(tmp_path: Path) -> None:
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    for name in ("folder", "link", "nothing"):
        remove(tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]


def test_json_is_written_for_people(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "Žofie", "x": [1]})
    assert "Žofie" in (tmp_path / "a.json").read_text(encoding="utf-8")
