"""The pictures of Learn and the clips of the quiz, made from a workspace that the real commands made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from footage import Looped

from datasets.provenance.verify import verify
from datasets.provenance.writer import SIDECAR
from datasets.workspace import Workspace
from ui.services import album, lessons, quizclips

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workspace(looped: Looped, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    yield looped.copy(tmp_path_factory.mktemp("taught") / "workspace")


def test_every_step_has_its_pictures_and_none_of_a_swap_is_unmarked(workspace: Workspace) -> None:
    held = album.make(workspace.root)
    for step in lessons.steps(held.source, held.destination, held.steps):
        assert held.shots[step.key], step.key
        assert all(shot.alt and shot.caption for shot in held.shots[step.key])
    swaps = [*held.shots["training"], *held.shots["back"][:2], held.shots["face-made"][0], held.shots["done"][0]]
    for shot in [*swaps, *(cue.swap for cue in held.cues)]:
        found = verify(held.folder / shot.file)
        assert found.credentials.state == "trusted" and found.badge.found, shot.file
    assert len({cue.name for cue in held.cues}) == len(held.cues)
    again = album.make(workspace.root)
    assert again == held == album.opened(workspace.root)


def test_swap_and_original_of_the_quiz_are_made_and_marked_alike(workspace: Workspace) -> None:
    count = quizclips.prepare(workspace.root)
    clips = quizclips.ready(workspace.root)
    assert len(clips) == count and {clip.label for clip in clips} == {"fake", "real"}
    for group in {clip.group for clip in clips}:
        fake, real = (next(c for c in clips if c.group == group and c.label == label) for label in ("fake", "real"))
        marks = [verify(Path(clip.file)) for clip in (fake, real)]
        assert all(one.credentials.state == "trusted" and one.badge.found for one in marks)
        assert [one.synthetic for one in marks] == [True, False], "the Credentials say which is which"
        sizes = [Path(clip.file).stat().st_size for clip in (fake, real)]
        assert 0.5 < sizes[0] / sizes[1] < 2 and Path(real.file).with_suffix(SIDECAR).is_file()
    before = {clip.file: Path(clip.file).stat().st_mtime_ns for clip in clips}
    quizclips.prepare(workspace.root)
    assert {clip.file: Path(clip.file).stat().st_mtime_ns for clip in clips} == before, (
        "what is there is not made again"
    )
