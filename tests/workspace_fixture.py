"""A small true workspace for the tests of what shows one: real clips through the real writers, figures made up.

The clips are the public-domain portraits that scikit-image and matplotlib carry, moved a little; the "swap" is an
ellipse of one pasted over the other's face. No model is trained, so the scores and curves are test data.
"""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from datasets.encode import ClipEncoder
from datasets.provenance.consent import Consent
from datasets.provenance.writer import Ingredient, Making, SyntheticWriter, write_picture
from datasets.video import Frame, probe, read_frames
from datasets.workspace import Workspace, create, open_workspace

RATE = 25
PARTS = ("clips", "model", "result", "scores")


def portraits(size: int) -> tuple[np.ndarray, np.ndarray]:
    """The source's and the destination's face, uint8 RGB size x size x 3."""
    import cv2
    from matplotlib import cbook
    from skimage import data

    with cbook.get_sample_data("grace_hopper.jpg") as file:
        hopper = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    pair = hopper[20:380, 76:436], data.astronaut()[10:310, 70:370]
    return tuple(cv2.resize(np.ascontiguousarray(p), (size, size), interpolation=cv2.INTER_AREA) for p in pair)  # type: ignore[return-value]


def moved(portrait: np.ndarray, number: int) -> np.ndarray:
    """The portrait as frame ``number`` of a clip shows it."""
    import cv2

    size = len(portrait)
    turn, shift = 3 * np.sin(number / 9), 0.02 * size * np.sin(number / 7)
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), float(turn), 1.06)
    matrix[0, 2] += shift
    return cv2.warpAffine(portrait, matrix, (size, size), borderMode=cv2.BORDER_REFLECT)


def ellipse(size: int, number: int) -> np.ndarray:
    """The swap mask of frame ``number``, float32 size x size in [0, 1]."""
    import cv2

    mask = np.zeros((size, size), np.float32)
    x = round(size * (0.47 + 0.02 * np.sin(number / 7)))
    cv2.ellipse(mask, (x, round(size * 0.4)), (round(size * 0.15), round(size * 0.21)), 0, 0, 360, 1.0, -1)
    return cv2.GaussianBlur(mask, (0, 0), size / 60)


def make_workspace(root: Path, size: int = 192, frames: int = 40, upto: str = "scores") -> Workspace:
    """A workspace up to one of ``PARTS``: with clips only, a model, a merged result, or all with scores."""
    source, destination = portraits(size)
    folder = root.parent / f"{root.name}-clips"
    folder.mkdir(parents=True)
    for name, portrait in (("hopper", source), ("astronaut", destination)):
        with ClipEncoder(folder / f"{name}.mp4", (size, size), Fraction(RATE)) as encoder:
            for k in range(frames):
                encoder.write(Frame(k, k / RATE, moved(portrait, k)))
    consent = tuple(
        Consent(role, "public-domain", who, f"portrait in {where}", "2026-01-01")
        for role, who, where in (
            ("source", "Grace Hopper", "matplotlib"),
            ("destination", "Eileen Collins", "scikit-image"),
        )
    )
    create(root, folder / "hopper.mp4", folder / "astronaut.mp4", consent, seed=7)
    workspace = open_workspace(root)
    reached = PARTS.index(upto)
    if reached >= 1:
        _model(workspace, source, destination)
    if reached >= 2:
        _result(workspace, source, frames)
    if reached >= 3:
        _scores(workspace, frames)
    return workspace


def _making(workspace: Workspace, title: str, kind: Any) -> Making:
    ingredients = (
        Ingredient(workspace.clip("destination"), "destination", "parentOf"),
        Ingredient(workspace.clip("source"), "source", "componentOf"),
    )
    return Making(title, "quick96", workspace.consent, ingredients, {"seed": 7}, kind)


def _model(workspace: Workspace, source: np.ndarray, destination: np.ndarray) -> None:
    import cv2

    for role in ("source", "destination"):
        workspace.faces(role).mkdir(parents=True)
        (workspace.faces(role) / "faces.parquet").write_bytes(b"test data: only its presence is looked at")
    folder = workspace.model("quick96")
    (folder / "previews").mkdir(parents=True)
    random = np.random.default_rng(1)
    lines, steps = [], range(10, 1510, 10)
    for step in steps:
        loss = 0.34 * np.exp(-step / 300) + 0.06 + 0.012 * random.normal()
        entry = {
            "step": step,
            "seconds": step * 0.11,
            "loss": loss,
            "loss_source": loss,
            "loss_destination": loss * 0.9,
        }
        if step % 100 == 0:
            gain = 1 - np.exp(-step / 350)
            entry |= {"ssim_source": 0.4 + 0.47 * gain, "ssim_destination": 0.42 + 0.48 * gain}
        lines.append(json.dumps(entry))
    (folder / "metrics.jsonl").write_text("\n".join(lines) + '\n{"step": 1510, "lo')  # cut off, as a kill leaves it
    card = {"kind": "swap", "name": "quick96", "method": "quick96", "step": 1500, "seed": 7, "size": 96}
    card |= {"coverage": "full", "seconds": 165.0, "heldout": {"source": {"ssim": 0.87}, "destination": {"ssim": 0.9}}}
    (folder / "card.json").write_text(json.dumps(card))
    cells = [cv2.resize(p, (96, 96), interpolation=cv2.INTER_AREA) for p in (source, source, destination, destination)]
    rows = [np.hstack([*(moved(c, 9 * k) for c in cells), moved(cells[0], 9 * k + 3)]) for k in range(3)]
    write_picture(folder / "previews" / "step-001500.jpg", np.vstack(rows), _making(workspace, "preview", "preview"))


def _result(workspace: Workspace, source: np.ndarray, frames: int) -> None:
    import cv2

    clip, workspace_result = workspace.clip("destination"), workspace.result
    workspace_result.mkdir()
    info = probe(clip)
    size, left = info.width, 3
    # The pasted face is scaled so that the eyes and the mouth fall near those below it.
    face = cv2.warpAffine(source, np.array([[0.9, 0, 0.02 * size], [0, 0.9, -0.04 * size]], np.float32), (size, size))
    with (
        SyntheticWriter(workspace_result / "result.mp4", info, _making(workspace, "swap", "swap")) as writer,
        ClipEncoder(workspace_result / "result_mask.mkv", (size, size), info.rate, codec="ffv1", grey=True) as masks,
    ):
        for frame in read_frames(clip):
            mask = ellipse(size, frame.index) * (frame.index >= left)
            alpha = mask[..., None]
            image = frame.image * (1 - alpha) + moved(face, frame.index) * alpha
            writer.write(replace(frame, image=image.round().astype(np.uint8)))
            masks.write(replace(frame, image=(mask * 255).round().astype(np.uint8)))
    clips = {
        role: {"name": name, "sha256": "0" * 64, "frames": frames, "frames_with_face": frames, "tracks": 1}
        for role, name in (("source", "hopper.mp4"), ("destination", "astronaut.mp4"))
    }
    result = {
        "version": 1,
        "created": "2026-01-02T10:20:30",
        "software": "counterface 0.1.0",
        "machine": {"cores": 2, "device": "cpu"},
        **clips,
        "method": {"name": "quick96", "method": "quick96", "step": 1500, "seconds": 165.0, "size": 96, "seed": 7},
        "merge": {"mode": "overlay", "colour": "reinhard", "erode": 3, "blur": 6.0},
        "frames": {"total": frames, "swapped": frames - left, "left_as_is": left, "why": {"no face": 2, "removed": 1}},
        "quality": {"heldout_ssim": {"source": 0.87, "destination": 0.9}},
        "marks": {"badge": True, "credentials": "trusted", "watermark": None},
        "consent": [record.to_table() for record in workspace.consent],
        "notes": ["Two faces were seen; the larger one was swapped."],
    }
    (workspace_result / "result.json").write_text(json.dumps(result))


def _scores(workspace: Workspace, frames: int) -> None:
    detector, size = workspace.detector, probe(workspace.clip("destination")).width
    detector.mkdir()
    card = {"kind": "detector", "name": "pair", "step": 300, "seconds": 61.0, "seed": 7, "recipe": "paired"}
    card |= {"architecture": {"name": "mobilenetv3_small_050"}, "held_out": {"auc": 0.99}}
    (detector / "card.json").write_text(json.dumps(card))
    random = np.random.default_rng(2)
    lines = []
    for step in range(10, 310, 10):
        entry = {"step": step, "seconds": step / 5, "loss": 0.7 * np.exp(-step / 90) + 0.05 + 0.01 * random.random()}
        lines.append(json.dumps(entry | ({"auc": 1 - 0.5 * np.exp(-step / 60)} if step % 50 == 0 else {})))
    (detector / "metrics.jsonl").write_text("\n".join(lines) + "\n")

    first = frames // 2
    index = np.array([k for k in range(8, frames) if k >= first or k % 2 == 0])
    late = index >= first
    fake = np.clip(0.9 + 0.07 * np.sin(index / 3) + 0.02 * random.normal(size=len(index)), 0, 1)
    original = np.clip(0.1 + 0.06 * np.sin(index / 4 + 1) + 0.02 * random.normal(size=len(index)), 0, 1)
    rows = [
        {"index": k, "time": k / RATE, "fake": f, "original": o, "heatmap_iou": 0.6, "seen_in_training": k < first}
        for k, f, o in zip(index.tolist(), fake.tolist(), original.tolist(), strict=True)
    ]
    scores = {
        "fake": float(fake[late].mean()),
        "original": float(original[late].mean()),
        "detectability": float((fake - original)[late].mean()),
        "interval": [float((fake - original)[late].mean()) - 0.06, float((fake - original)[late].mean()) + 0.04],
        "heatmap_iou": 0.62,
        "frames": rows,
        "trained_until": (first - 1) / RATE,
        "scored_from": first / RATE,
        "equalised": {"codec": "libx264", "crf": 18},
        "notes": [],
    }
    (workspace.result / "detectability.json").write_text(json.dumps(scores))

    crop, cells, some = 128, 16, index[::2]
    grid = np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), -1) + 0.5
    heat = np.exp(-(((grid - cells / 2) / (cells * 0.22)) ** 2).sum(-1))
    affine = np.stack([_affine(size, crop, k) for k in some.tolist()])
    np.savez_compressed(
        workspace.result / "heatmaps.npz",
        index=some,
        time=some / RATE,
        heat=np.repeat(heat[None], len(some), 0).astype(np.float16),
        affine=affine,
        size=crop,
    )


def _affine(size: int, crop: int, number: int) -> np.ndarray:
    """Frame pixels to crop pixels for a square of 0.55 of the frame around the pasted face, float32 (2, 3)."""
    scale = crop / (0.55 * size)
    x, y = size * (0.47 + 0.02 * np.sin(number / 7)), size * 0.4
    return np.array([[scale, 0, crop / 2 - scale * x], [0, scale, crop / 2 - scale * y]], np.float32)
