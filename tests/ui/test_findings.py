"""The answer of ``verify`` on a terminal and in a pipe: what it is first, then on what that rests."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from datasets.provenance.badgesearch import BadgeFound
from datasets.provenance.reading import Credentials
from datasets.provenance.verify import Verification
from datasets.provenance.watermarkfound import Passage, WatermarkFound
from ui.findings import show

PASSAGES = (Passage(0, 2, False, 0.0, None), Passage(2, 5, True, 0.999, None))
FOUND = Verification(
    Path("a [bold] film.mp4"),
    Credentials("valid", signer="Camera [red] Inc"),
    WatermarkFound(True, None, 1 - 1e-7, 1e-7, 9.0, 50, passages=PASSAGES),
    None,
    BadgeFound(True, 5, 5, (0, 0, 9, 9), 0.9),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_everything_is_shown_and_no_name_is_read_as_markup(
    stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = stream()
    monkeypatch.setattr(sys, "stdout", target)
    monkeypatch.setenv("COLUMNS", "400")
    show(FOUND)
    shown = target.getvalue()
    assert shown.index(FOUND.headline) < shown.index("Content Credentials") < shown.index("Visible badge")
    for part in (
        "a [bold] film.mp4",
        "Camera [red] Inc",
        "0.0 to 2.0 s not found; 2.0 to 5.0 s found",
        "weak",
        "10 million",
    ):
        assert part in shown
