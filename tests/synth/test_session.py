"""Session files: settings for some frames, later entries win, and what makes no sense is said with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from datasets.errors import InputError
from synth.composite.session import from_table, load_session, make_session
from synth.composite.settings import CompositeSettings

TEXT = """
[[frames]]
frames = [10, 20]
colour = "mkl"
erode = 0.05

[[frames]]
frame = 15
colour = "none"
"""


def test_a_later_entry_wins_and_other_frames_keep_the_base(tmp_path: Path) -> None:
    file = tmp_path / "session.toml"
    file.write_text(TEXT)
    base = CompositeSettings("seamless")
    session = load_session(file, base)
    assert session.settings_at(9) == session.settings_at(21) == base
    assert session.settings_at(10) == CompositeSettings("seamless", "mkl", 0.05)
    assert session.settings_at(15) == CompositeSettings("seamless", "none", 0.05)


def test_json_says_the_same_with_or_without_the_name_around_it(tmp_path: Path) -> None:
    entries = [{"frames": [10, 20], "colour": "mkl", "erode": 0.05}, {"frame": 15, "colour": "none"}]
    (tmp_path / "s.toml").write_text(TEXT)
    said = load_session(tmp_path / "s.toml")
    for number, held in enumerate((entries, {"frames": entries})):
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(held))
        assert load_session(file) == said


def test_settings_and_sessions_come_back_from_their_tables() -> None:
    plain = CompositeSettings("histogram", erode=-0.05)
    session = make_session(plain, [{"frame": 3, "mask": "hull"}])
    for settings in (plain, session):
        assert from_table(json.loads(json.dumps(settings.to_table()))) == settings
    assert plain.settings_at(5) is plain


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[frames]]\nframe = 1\ncolor = 'mkl'", "entry 1: there is no composite setting 'color'; there are: mode"),
        ("[[frames]]\nframe = 1\ncolour = 'pink'", "entry 1: There is no colour transfer 'pink'"),
        ("[[frames]]\nframe = 1\ngrain = 1\n[[frames]]\nframe = 1\nblur = 9", "entry 2: blur must be a number"),
        ("[[frames]]\ncolour = 'mkl'", "needs frames = .first, last. or frame"),
        ("[[frames]]\nframe = 1\nframes = [1, 2]\ngrain = 1", "one of the two"),
        ("[[frames]]\nframes = [5, 2]\ngrain = 1", "the first is not after the last"),
        ("[[frames]]\nframe = 1.5\ngrain = 1", "whole, from 0"),
        ("[[frames]]\nframes = [1]\ngrain = 1", "two numbers"),
        ("[[frames]]\nframe = 1", "sets nothing"),
        ("frames = [1]", "entry 1 is no table"),
        ("mode = 'raw'", "a list of entries named frames"),
        ("mode = ", "no valid TOML"),
    ],
)
def test_what_makes_no_sense_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "session.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=said):
        load_session(file)


def test_a_file_that_is_not_there_or_of_another_kind_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_session(tmp_path / "none.toml")
    with pytest.raises(InputError, match=r"\.toml or \.json"):
        load_session(tmp_path / "session.txt")
