"""A workspace: made whole or not at all, opened only when it is one, and never without consent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from footage import tree, write_clip

from datasets.errors import InputError, Refused
from datasets.provenance.consent import from_option
from datasets.workspace import create, open_workspace, sha256

CONSENT = from_option("synthetic", "a.mp4", "b.mp4")


@pytest.fixture
def clips(tmp_path: Path) -> tuple[Path, Path]:
    images = [np.full((48, 64, 3), 90, np.uint8)] * 3
    return write_clip(tmp_path / "a.mp4", images), write_clip(tmp_path / "b.MOV", images[:2])


def test_what_was_made_is_what_is_opened(clips: tuple[Path, Path], tmp_path: Path) -> None:
    made = create(tmp_path / "w", *clips, CONSENT, seed=4)
    opened = open_workspace(tmp_path / "w")
    assert opened == made and opened.seed == 4 and opened.consent == CONSENT
    for role, clip in (("source", clips[0]), ("destination", clips[1])):
        copy = opened.clip(role)  # type: ignore[arg-type]
        assert copy.read_bytes() == clip.read_bytes() and copy.suffix == clip.suffix.lower()
        assert opened.settings["clips"][role] == {"name": clip.name, "sha256": sha256(clip)}
    assert opened.models() == [] and opened.require_consent() == CONSENT
    assert sorted(p.name for p in (tmp_path / "w").iterdir()) == ["data_dst.mov", "data_src.mp4", "workspace.toml"]


def test_it_is_made_of_two_good_clips_with_consent_or_not_at_all(clips: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "c.mp4").write_text("no video")
    before = tree(tmp_path)
    for wrong in ((clips[0], tmp_path / "c.mp4"), (tmp_path / "none.mp4", clips[1])):
        with pytest.raises(InputError):
            create(tmp_path / "w", *wrong, CONSENT)
    for records in ((), CONSENT[:1], (CONSENT[0], replace(CONSENT[1], date="2020-01-01", expires="2020-02-02"))):
        with pytest.raises(Refused):
            create(tmp_path / "w", *clips, records)
    assert tree(tmp_path) == before


def test_a_folder_in_use_is_kept(clips: tuple[Path, Path], tmp_path: Path) -> None:
    create(tmp_path / "w", *clips, CONSENT)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine").touch()
    (tmp_path / "empty").mkdir()
    before = tree(tmp_path / "w")
    with pytest.raises(InputError, match="not empty"):
        create(tmp_path / "w", *clips, CONSENT, 9)
    assert tree(tmp_path / "w") == before
    for force in (False, True):
        with pytest.raises(InputError):
            create(tmp_path / "other", *clips, CONSENT, force=force)
        with pytest.raises(InputError, match="is a file"):
            create(clips[0], *clips, CONSENT, force=force)
    assert (tmp_path / "other" / "mine").exists()
    assert create(tmp_path / "empty", *clips, CONSENT).root == tmp_path / "empty"
    assert create(tmp_path / "w", *clips, CONSENT, 9, force=True).seed == 9


def test_a_folder_without_its_clips_says_so(clips: tuple[Path, Path], tmp_path: Path) -> None:
    made = create(tmp_path / "w", *clips, CONSENT)
    made.clip("source").unlink()
    with pytest.raises(InputError, match="no data_src clip"):
        made.clip("source")


@pytest.mark.parametrize(
    "content",
    [
        *(
            "= =",
            'seed = "three"',
            "seed = true",
            "consent = 4",
            'consent = "self"',
            "clips = 3",
            "[clips]\nsource = 1",
        ),
        '[[consent]]\nrole = "source"',
    ],
)
def test_settings_that_are_none_are_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "workspace.toml").write_text(content)
    with pytest.raises(InputError):
        open_workspace(tmp_path)


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="is not a workspace"):
            open_workspace(folder)
