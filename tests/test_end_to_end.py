"""The whole loop on real pixels: two clips in; a marked swap, its mask, a detector, the paired score and a page out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footage import DESTINATION_FRAMES, DETECTOR_STEPS, FACELESS, SIZE, STEPS, Looped, counterface, tree, uneven

from datasets.faceset import FaceSet
from datasets.provenance.badge import has_badge
from datasets.provenance.records import find
from datasets.provenance.verify import verify
from datasets.provenance.writer import SyntheticWriter
from datasets.video import Frame, probe, read_frames, timestamps
from synth.composite.compositor import CompositeSettings
from synth.pipeline import load_model, merge
from synth.rendering import swapped_frames


@pytest.fixture(scope="module")
def made(looped: Looped) -> dict[str, Any]:
    return json.loads((looped.workspace.result / "result.json").read_text())


@pytest.fixture(scope="module")
def scores(looped: Looped) -> dict[str, Any]:
    return json.loads((looped.workspace.result / "detectability.json").read_text())


def test_each_command_says_where_its_work_is(looped: Looped) -> None:
    assert all(said.code == 0 and not said.err for said in looped.said.values())
    assert "next: counterface extract" in looped.said["new"].out
    assert "next: counterface train" in looped.said["extract"].out
    assert f"{STEPS} steps" in looped.said["train"].out and "held-out SSIM" in looped.said["train"].out
    assert "result.mp4" in looped.said["merge"].out


def test_the_workspace_holds_what_the_design_says(looped: Looped) -> None:
    files = set(tree(looped.workspace.root))
    assert {
        *("workspace.toml", "data_src.mp4", "data_dst.mp4"),
        *("data_src/aligned/faces.parquet", "data_dst/aligned/faces.parquet"),
        *("model/quick96/card.json", "model/quick96/weights.safetensors", "model/quick96/metrics.jsonl"),
        *("detector/card.json", "detector/weights.safetensors"),
        *("result/result.mp4", "result/result_mask.mkv", "result/result.json", "result/report.html"),
    } <= files
    assert not [name for name in files if ".tmp" in name or "/." in name or name.startswith(".")]


def test_the_clips_were_copied_and_never_touched(looped: Looped) -> None:
    assert looped.workspace.clip("source").read_bytes() == looped.source.read_bytes()
    assert looped.workspace.clip("destination").read_bytes() == looped.destination.read_bytes()


def test_the_result_has_every_frame_of_the_destination_at_its_own_time(looped: Looped) -> None:
    result, before = looped.workspace.result / "result.mp4", probe(looped.destination)
    after = probe(result)
    assert (after.width, after.height) == (before.width, before.height) == SIZE
    assert np.array_equal(timestamps(result), timestamps(looped.destination))
    assert np.allclose(timestamps(result), uneven(DESTINATION_FRAMES), atol=1e-4), "the variable frame rate was lost"
    assert after.has_audio
    assert np.array_equal(timestamps(looped.workspace.result / "result_mask.mkv").round(3), timestamps(result).round(3))


def test_every_frame_of_the_result_is_marked_and_the_file_is_signed(looped: Looped) -> None:
    result = looped.workspace.result / "result.mp4"
    assert all(has_badge(frame.image) for frame in read_frames(result))
    found = verify(result)
    assert found.credentials.state == "trusted" and found.studio_output
    assert found.credentials.soft_binding == made_id(looped)


def made_id(looped: Looped) -> str:
    return json.loads((looped.workspace.result / "result.json").read_text())["marks"]["watermark"]


@pytest.mark.slow
def test_before_marking_only_the_swap_mask_differs(
    looped: Looped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the writer is handed, against the frames of the destination and the mask's file."""
    given: list[Frame] = []
    write = SyntheticWriter.write

    def look(writer: SyntheticWriter, frame: Frame) -> None:
        given.append(frame)
        write(writer, frame)

    monkeypatch.setattr(SyntheticWriter, "write", look)
    merge(looped.workspace, "quick96", CompositeSettings(), tmp_path / "again.mp4", "cpu")
    masks = list(read_frames(tmp_path / "again_mask.mkv"))
    kept = list(read_frames(looped.workspace.result / "result_mask.mkv"))
    changed = 0
    for before, frame, mask, other in zip(read_frames(looped.destination), given, masks, kept, strict=True):
        assert np.array_equal(mask.image, other.image), "the same merge made another mask"
        outside = mask.image[..., 0] == 0
        assert np.array_equal(frame.image[outside], before.image[outside])
        changed += bool((frame.image != before.image).any())
    assert changed == DESTINATION_FRAMES - len(FACELESS)


def test_the_mask_on_disk_is_the_alpha_of_the_composite(looped: Looped) -> None:
    workspace = looped.workspace
    model, wanted = load_model(workspace, "quick96", "cpu"), list(range(0, DESTINATION_FRAMES, 6))
    stream = swapped_frames(
        workspace.clip("destination"),
        FaceSet(workspace.faces("destination")),
        model,
        CompositeSettings(),
        wanted=wanted,
    )
    masks = [frame.image[..., 0] for frame in read_frames(workspace.result / "result_mask.mkv")]
    assert FACELESS[0] in wanted
    for index, swapped in zip(wanted, stream, strict=True):
        assert np.array_equal(masks[index], swapped.mask)


def test_frames_without_a_face_are_counted_reported_and_left_as_they_are(looped: Looped, made: dict[str, Any]) -> None:
    left = len(FACELESS)
    assert made["frames"] == {
        "total": DESTINATION_FRAMES,
        "swapped": DESTINATION_FRAMES - left,
        "left_as_is": left,
        "why": {"no face": left},
    }
    assert made["destination"]["frames_with_face"] == DESTINATION_FRAMES - left
    assert any(f"{left} of {DESTINATION_FRAMES} frames were left as they are" in note for note in made["notes"])
    masks = [frame.image.max() for frame in read_frames(looped.workspace.result / "result_mask.mkv")]
    assert [i for i, most in enumerate(masks) if most == 0] == list(FACELESS)


def test_the_result_says_how_it_was_made_from_what_and_on_what_ground(looped: Looped, made: dict[str, Any]) -> None:
    from datasets.workspace import sha256

    assert made["version"] == 1 and made["software"].startswith("counterface ")
    for role, clip in (("source", looped.source), ("destination", looped.destination)):
        assert made[role]["name"] == clip.name and made[role]["sha256"] == sha256(clip)
    assert made["method"]["name"] == "quick96" and made["method"]["step"] == STEPS and made["method"]["seed"] == 3
    assert made["merge"] == CompositeSettings().to_table()
    assert made["marks"] == {"badge": True, "credentials": "trusted", "watermark": made_id(looped)}
    record = find(made_id(looped))
    assert record is not None and record.method == "quick96" and record.kind == "swap"
    assert {record["role"] for record in made["consent"]} == {"source", "destination"}
    assert all(record["basis"] == "public-domain" for record in made["consent"])
    assert all(0 < value <= 1 for value in made["quality"]["heldout_ssim"].values())


def test_the_detector_is_scored_on_what_comes_after_all_that_it_saw(looped: Looped, scores: dict[str, Any]) -> None:
    card = json.loads((looped.workspace.detector / "card.json").read_text())
    scope = card["scope"]
    assert card["step"] == DETECTOR_STEPS and scope["trained_until"] < scope["scored_from"]
    assert scores["trained_until"] == scope["trained_until"] and scores["scored_from"] == scope["scored_from"]
    later = [frame for frame in scores["frames"] if not frame["seen_in_training"]]
    assert later and all(frame["time"] >= scope["scored_from"] for frame in later)
    assert all(f["time"] < scope["scored_from"] for f in scores["frames"] if f["seen_in_training"])
    for name in ("fake", "original"):
        assert scores[name] == pytest.approx(np.mean([frame[name] for frame in later]), abs=1e-3)
    assert scores["detectability"] == pytest.approx(scores["fake"] - scores["original"], abs=2e-4)
    low, high = scores["interval"]
    assert low - 1e-4 <= scores["detectability"] <= high + 1e-4
    assert scores["equalised"], "swap and original went through different encoding"


def test_heatmaps_are_kept_with_their_place_in_the_frame(looped: Looped, scores: dict[str, Any]) -> None:
    with np.load(looped.workspace.result / "heatmaps.npz", allow_pickle=False) as held:
        count = len(held["index"])
        assert count == len(scores["frames"]) and held["heat"].shape[0] == held["affine"].shape[0] == count
        assert held["affine"].shape[1:] == (2, 3) and held["heat"].min() >= 0 and held["heat"].max() <= 1
        assert held["index"].tolist() == sorted(frame["index"] for frame in scores["frames"])
    assert not set(FACELESS) & {frame["index"] for frame in scores["frames"]}


def test_the_page_is_whole_and_needs_no_network(looped: Looped) -> None:
    page = (looped.workspace.result / "report.html").read_text(encoding="utf-8")
    assert "astronaut.mp4" in page and "quick96" in page and len(page) > 50_000
    assert not [word for word in ('src="http', "src='http", "@import", 'href="http://cdn') if word in page]


@pytest.mark.slow
def test_swap_run_again_goes_on_from_what_is_done(looped: Looped, tmp_path: Path) -> None:
    """The one command over a finished workspace: nothing is trained or merged anew, the result is handed out."""
    root = looped.copy(tmp_path / "w").root
    before = {name: content for name, content in tree(root).items() if not name.endswith("report.html")}
    again = (
        *("swap", looped.source, looped.destination, "-o", tmp_path / "out.mp4", "--workspace", root),
        *("--steps", STEPS, "--seed", 3, "--device", "cpu", "-q"),
    )
    said = counterface(*again)
    assert said.code == 0 and str(tmp_path / "out.mp4") in said.out and "report.html" in said.out, said
    after = tree(root)
    assert {name: after[name] for name in before} == before
    assert (tmp_path / "out.mp4").read_bytes() == (root / "result" / "result.mp4").read_bytes()
    assert (tmp_path / "out.c2pa").is_file()
    said = counterface(*again)
    assert said.code == 2 and "exists already" in said.error
    said = counterface(*again[:1], looped.destination, *again[2:], "--force")
    assert said.code == 2 and "another source" in said.error


@pytest.mark.slow
def test_the_sample_swapped_for_a_minute_and_a_half_is_good_and_detectable(tmp_path: Path) -> None:
    """The claim of the first page: both people held out at SSIM .85 or more, and the swap is told from its original."""
    from datasets.samples import sample_clips

    source, destination = sample_clips()
    said = counterface(
        *("swap", source, destination, "-o", tmp_path / "out.mp4", "--workspace", tmp_path / "w"),
        *("--consent", "public-domain", "--minutes", 1.5, "-q"),
    )
    assert said.code == 0, said
    result = json.loads((tmp_path / "w" / "result" / "result.json").read_text())
    assert result["frames"]["swapped"] == result["frames"]["total"] == 200
    assert min(result["quality"]["heldout_ssim"].values()) >= 0.85
    scores = json.loads((tmp_path / "w" / "result" / "detectability.json").read_text())
    assert scores["interval"][0] > 0.5 and scores["fake"] > 0.5 > scores["original"]
    assert scores["heatmap_iou"] > 0.3
