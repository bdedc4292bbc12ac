"""The report is one file that needs nothing else, says what was found, and marks every synthetic picture in it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import evaluate.players
from datasets.errors import InputError
from datasets.provenance.verify import verify
from datasets.workspace import Workspace
from evaluate.report import render, training_charts, write_report
from evaluate.results import read_results


@pytest.fixture(scope="module")
def page(made_workspace: Workspace) -> str:
    return render(read_results(made_workspace))


def embedded(page: str, kind: str) -> bytes:
    found = re.search(rf'<script type="text/plain" id="clip-{kind}"[^>]*>([^<]+)</script>', page)
    assert found, f"no {kind} player"
    return base64.b64decode(found[1])


def pictures(page: str, title: str) -> list[bytes]:
    return [
        base64.b64decode(data) for data in re.findall(rf'src="data:image/jpeg;base64,([^"]+)" alt="{title} at', page)
    ]


def test_nothing_in_the_page_points_outside_of_it(page: str) -> None:
    without_data = re.sub(r"(data:[a-z/]+;base64,|>)[A-Za-z0-9+/=]{80,}", r"\1", page)
    assert "http://www.w3.org/2000/svg" in without_data  # a name space, which nothing fetches
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", without_data) == []
    assert re.findall(r"""(?:src|href|poster)=["'](?!data:)""", without_data) == []
    assert "url(" not in without_data and "@import" not in without_data
    assert "default-src 'none'" in page


def test_it_says_the_outcome_and_the_figures(page: str, made_workspace: Workspace) -> None:
    scores = json.loads((made_workspace.result / "detectability.json").read_text())
    assert "The detector clearly tells this swap from its original." in page
    for key in ("fake", "original", "detectability"):
        assert f"<b>{scores[key]:.2f}</b>" in page
    assert f"{scores['interval'][0]:.2f} to {scores['interval'][1]:.2f}" in page
    for said in ("nothing found does not mean authentic", "not a general detector", "37 of 40 frames were swapped"):
        assert said in page
    for said in ("no face: 2", "removed: 1", "Grace Hopper", "portrait in scikit-image", "A pattern in every frame"):
        assert said in page
    assert "1,500 steps" in page and "Two faces were seen" in page


def test_original_and_swap_go_in_as_they_are(page: str, made_workspace: Workspace) -> None:
    assert embedded(page, "original") == made_workspace.clip("destination").read_bytes()
    assert embedded(page, "swap") == (made_workspace.result / "result.mp4").read_bytes()


def test_every_synthetic_picture_and_video_is_marked(page: str, tmp_path: Path) -> None:
    made = {"heat.mp4": embedded(page, "heat")}
    for title in ("Swap", "Heatmap"):
        shown = pictures(page, title)
        assert len(shown) == 6
        made |= {f"{title}-{k}.jpg": content for k, content in enumerate(shown)}
    preview = re.search(r'class="sheet" src="data:image/jpeg;base64,([^"]+)"', page)
    assert preview
    made["preview.jpg"] = base64.b64decode(preview[1])
    for name, content in made.items():
        (tmp_path / name).write_bytes(content)
        found = verify(tmp_path / name)
        assert found.credentials.state == "trusted", name
        assert found.badge.found, name


def test_the_originals_are_not_marked(page: str, tmp_path: Path) -> None:
    (tmp_path / "original.jpg").write_bytes(pictures(page, "Original")[0])
    found = verify(tmp_path / "original.jpg")
    assert found.credentials.state == "none" and not found.badge.found


def test_text_from_files_stays_text(own_workspace: Callable[..., Workspace]) -> None:
    workspace = own_workspace()
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    file = workspace.result / "result.json"
    result = json.loads(file.read_text())
    result["notes"], result["source"]["name"], result["software"] = [evil], evil, evil
    result["frames"]["why"], result["merge"], result["consent"][0]["who"] = {evil: 3}, {evil: evil}, evil
    file.write_text(json.dumps(result))
    page = render(read_results(workspace))
    assert "alert(1)</script>" not in page and "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_it_lies_beside_the_result_and_replaces_an_older_one(own_workspace: Callable[..., Workspace]) -> None:
    workspace = own_workspace()
    (workspace.result / "report.html").write_text("old")
    path = write_report(workspace)
    assert path == workspace.result / "report.html"
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert [p.name for p in workspace.result.iterdir() if p.name.startswith(".")] == []


def test_a_swap_that_is_not_scored_has_a_page_that_says_so(own_workspace: Callable[..., Workspace]) -> None:
    workspace = own_workspace("result/detectability.json", "result/heatmaps.npz", "detector")
    page = render(read_results(workspace))
    assert "It is not scored yet" in page and "counterface detectability" in page
    assert 'id="clip-swap"' in page and 'id="clip-heat"' not in page and 'id="scores"' not in page


@pytest.mark.parametrize("part", ["result/result.json", "result/result.mp4", "result"])
def test_without_a_merged_swap_there_is_nothing_to_report(own_workspace: Callable[..., Workspace], part: str) -> None:
    workspace = own_workspace(part)
    with pytest.raises(InputError, match="counterface merge"):
        write_report(workspace)
    assert not (workspace.result / "report.html").exists()


def test_a_broken_result_is_one_sentence(own_workspace: Callable[..., Workspace]) -> None:
    workspace = own_workspace()
    (workspace.result / "result.json").write_text('{"version": 1, "fra')
    with pytest.raises(InputError, match=r"result\.json cannot be read"):
        write_report(workspace)


def test_a_long_clip_gets_frames_in_place_of_players(
    made_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate.players, "LONGEST_SECONDS", 1.0)
    page = render(read_results(made_workspace))
    assert "<video" not in page and "too long to be played" in page
    assert len(pictures(page, "Swap")) == 10  # all frames that count and have a heatmap


@pytest.mark.slow
def test_a_clip_that_browsers_do_not_play_is_shown_as_a_copy_that_they_do(
    made_workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(evaluate.players, "PLAYABLE", {})
    page = render(read_results(made_workspace))
    assert "copies that every browser plays" in page
    (tmp_path / "swap.mp4").write_bytes(embedded(page, "swap"))
    found = verify(tmp_path / "swap.mp4")
    assert found.credentials.state == "trusted" and found.badge.found


def test_charts_of_both_trainings(made_workspace: Workspace) -> None:
    titles = [chart.title for chart in training_charts(read_results(made_workspace))]
    assert titles == ["Swap model: held-out SSIM", "Swap model: loss", "Detector: held-out AUC", "Detector: loss"]
