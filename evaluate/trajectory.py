"""The pair over time: how detectable a swap is at chosen steps of its training, with the frames beside the curve.

It is worked out from the snapshots that a training left (``synth.snapshots``), after the fact: the same frames of the
destination are rendered with each of them, sent through the studio's encoder, and scored by detectors beside the
original's own frames. Nothing of it goes back into a training, which could not see it anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from datasets.atomic import replacing
from datasets.checkpoint import read_card
from datasets.encode import DEFAULT_CRF
from datasets.errors import InputError
from datasets.faces.finder import make_finder
from datasets.faces.identity import IdentityEmbedding, aligned
from datasets.faceset import FaceSet
from datasets.progress import Progress, silent
from datasets.provenance.reading import read_credentials
from datasets.provenance.writer import picture_bytes, write_picture
from datasets.video import timestamps
from datasets.workspace import Workspace
from detect.results import ClipScore
from evaluate.likeness import source_faces
from evaluate.loop import merged_with, part_by_time
from evaluate.perturb import Condition, Encoding
from evaluate.probe import Plan, Probe, look, score
from evaluate.quality import cosine, fidelity, nearer_to
from evaluate.resampled import interval, mean_draws, resample
from evaluate.scorecache import ScoreCache, code_id, detector_id, key_text
from evaluate.study import described
from evaluate.views import plain_picture
from synth.people import person_of
from synth.pipeline import describe
from synth.rendering import swapped_frames
from synth.snapshots import snapshots

FOLDER, FILE, PICTURE = "trajectory", "trajectory.json", "trajectory.jpg"
STUDIO = Condition("as the studio encodes", 1, f"CRF {DEFAULT_CRF}", encodings=(Encoding(DEFAULT_CRF),))
CLOSE_UP, SIDE = 1.7, 384
CODE = ("evaluate/trajectory.py", "evaluate/probe.py", "evaluate/perturb.py", "synth/rendering.py", "synth/composite")


def models_by_step(workspace: Workspace, method: str) -> dict[int, Path]:
    """The snapshots of a model and the finished model itself, by step, ascending.

    Raises:
        InputError: no such model, or its training left no snapshot.
    """
    if method not in workspace.models():
        raise InputError(f"{workspace.root} has no trained model {method!r}; run: counterface train {workspace.root}")
    folder = workspace.model(method)
    last = int(read_card(folder).get("step", 0))
    found = {step: place for step, place in snapshots(folder).items() if step < last}
    if not found:
        raise InputError(
            f"The training in {folder} left no snapshots. Training anew keeps some: counterface train "
            f"{workspace.root} --method {method} --force, for a large network with --option snapshots=auto."
        )
    return dict(sorted((found | {last: folder}).items()))


def trajectory(
    workspace: Workspace,
    method: str,
    detectors: Sequence[Path],
    plan: Plan = Plan(),
    embedding: IdentityEmbedding | None = None,
    device: str = "auto",
    progress: Progress = silent,
) -> dict[str, Any]:
    """Score every snapshot of a swap model on a fixed probe of its destination.

    The probe lies in the part of the clip that the workspace's own detector never sees. Frames are written to
    ``result/trajectory/``, marked, and scores are kept there: the same call goes on.

    Returns:
        ``probe``, ``detectors``, ``steps`` and the frames' names, see docs/evaluation.md.

    Raises:
        Refused: a consent record is missing. InputError: no snapshots, no face set, or no face in the probe.
    """
    workspace.require_consent()
    models, clip = models_by_step(workspace, method), workspace.clip("destination")
    place = workspace.result / FOLDER
    kept = ScoreCache(place / "scores.jsonl")
    times = timestamps(clip)
    first = int(np.searchsorted(times, part_by_time(times).scored_from))
    with closing(make_finder("mediapipe")) as finder:
        probe = look(clip, plan, finder, first)
    probe = probe.with_face(_boxes(workspace, probe))
    if probe.empty == probe.counted:
        raise InputError(f"No face of {clip} was found in the frames that would be scored.")
    judges = {name: (folder, _load(folder, device)) for name, folder in _named(detectors).items()}
    asked = _Asked(workspace, method, probe, plan, judges, embedding, kept, device)
    originals = {name: score(probe, judge, clip.name, STUDIO) for name, (_, judge) in judges.items()}
    rows = []
    for number, (step, folder) in enumerate(models.items()):
        progress("scoring snapshots", number, len(models), f"step {step}")
        rows.append(asked.row(step, folder, originals))
    progress("scoring snapshots", len(models), len(models))
    return {
        "method": method,
        "probe": {
            "clip_sha256": workspace.settings.get("clips", {}).get("destination", {}).get("sha256"),
            "frames": [frame.index for frame in probe.frames],
            "times": [round(frame.time, 4) for frame in probe.frames],
            "windows": len(probe.windows),
            "crf": DEFAULT_CRF,
        },
        "detectors": [
            described(folder) | {"name": name, "original": _said(originals[name])}
            for name, (folder, _) in judges.items()
        ],
        "steps": rows,
        "original_frame": _original(workspace, method, probe, place),
    }


def _named(detectors: Sequence[Path]) -> dict[str, Path]:
    return {str(read_card(folder).get("name", folder.name)): folder for folder in detectors}


def _load(folder: Path, device: str) -> Any:
    from detect.detector import load_detector

    return load_detector(folder, device)


def _boxes(workspace: Workspace, probe: Probe) -> dict[int, np.ndarray]:
    """Where the face that is swapped lies, by frame."""
    faces = FaceSet(workspace.faces("destination"))
    track, _ = person_of(workspace, "destination", faces)
    wanted = set(probe.indices)
    return {row.frame: row.box for row in faces.rows(track) if row.frame in wanted}


def _said(found: ClipScore) -> dict[str, Any]:
    ends = None if found.interval is None else [float(v) for v in found.interval]
    return {"probability": found.probability, "interval": ends, "verdict": found.verdict}


class _Asked:
    """What is the same for every snapshot."""

    def __init__(
        self,
        workspace: Workspace,
        method: str,
        probe: Probe,
        plan: Plan,
        judges: Mapping[str, tuple[Path, Any]],
        embedding: IdentityEmbedding | None,
        kept: ScoreCache,
        device: str,
    ) -> None:
        self.workspace, self.method, self.probe, self.plan = workspace, method, probe, plan
        self.judges, self.embedding, self.kept, self.device = judges, embedding, kept, device
        self.settings = merged_with(workspace, method)
        self.known = kept.known()
        self.hashes = {name: detector_id(folder) for name, (folder, _) in judges.items()}
        self.source = None if embedding is None else embedding.embed(source_faces(workspace))

    def row(self, step: int, folder: Path, originals: Mapping[str, ClipScore]) -> dict[str, Any]:
        """What is said of one snapshot, from what is kept or anew."""
        card = read_card(folder)
        name = f"step-{step:06d}.jpg"
        key = {
            "study": "trajectory",
            "weights": card.get("weights_sha256"),
            "clip": self.workspace.settings.get("clips", {}).get("destination", {}).get("sha256"),
            "frames": self.probe.indices,
            "merge": self.settings.to_table(),
            "plan": asdict(self.plan),
            "detectors": self.hashes,
            "identity": self.embedding is not None,
            "code": code_id(*CODE),
        }
        picture = self.kept.path.parent / name
        if (held := self.known.get(key_text(key))) is None or not picture.is_file():
            held = self._measured(folder, picture, originals)
            self.kept.add(key, held)
        return {
            "step": step,
            "seconds": card.get("seconds"),
            "weights_sha256": card.get("weights_sha256"),
            **held,
            "frame": f"{FOLDER}/{name}",
        }

    def _measured(self, folder: Path, picture: Path, originals: Mapping[str, ClipScore]) -> dict[str, Any]:
        from synth.method import method_class

        clip, faces = self.workspace.clip("destination"), FaceSet(self.workspace.faces("destination"))
        track, _ = person_of(self.workspace, "destination", faces)
        model = method_class(self.method).load(folder, self.device)
        made = list(swapped_frames(clip, faces, model, self.settings, track, self.probe.indices))
        images = {one.frame.index: one.image for one in made}
        probe = self.probe.with_images(images)
        shown = _shown(self.probe)
        title = f"Frame of a face swap in training, {picture.stem.replace('-', ' ')}"
        making = describe(self.workspace, self.method, self.settings.to_table(), "preview", title)
        write_picture(picture, _close_up(self.probe, images[shown.looked.frame.index]), making)
        scores = {
            name: _said(found := score(probe, judge, clip.name, STUDIO)) | _paired(self.probe, found, originals[name])
            for name, (_, judge) in self.judges.items()
        }
        return {"scores": scores, "quality": self._quality(made)}

    def _quality(self, made: Sequence[Any]) -> dict[str, Any]:
        pairs = [(one.frame.index, one.image, one.frame.image, one.row.box) for one in made if one.row is not None]
        with closing(make_finder("mediapipe")) as one, closing(make_finder("mediapipe")) as other:
            try:
                measured = fidelity(pairs, (one, other))
            except ValueError:
                return {"pose": None, "landmarks": None, "flicker": None, "identity": None}
        identity = None
        if self.embedding is not None and self.source is not None:
            rows = [one for one in made if one.row is not None][:: self.plan.every]
            swap, own = (
                self.embedding.embed([aligned(of(one), one.row.five_points) for one in rows])
                for of in (lambda one: one.image, lambda one: one.frame.image)
            )
            identity = {
                "to_source": cosine(swap, self.source),
                "to_destination": cosine(swap, own),
                "nearer": nearer_to(swap, self.source, own),
            }
        return {
            "pose": measured.pose,
            "landmarks": measured.landmarks,
            "flicker": measured.flicker_ratio,
            "identity": identity,
        }


def _paired(probe: Probe, fake: ClipScore, original: ClipScore) -> dict[str, Any]:
    """Mean difference of the frames' probabilities, its interval by drawing windows again."""
    by_frame = [
        {frame.index: frame.probability for track in one.tracks for frame in track.frames} for one in (fake, original)
    ]
    window_of = {o.looked.frame.index: n for n, window in enumerate(probe.windows) for o in window.found}
    both = sorted(by_frame[0].keys() & by_frame[1].keys())
    if not both:
        return {"detectability": None, "detectability_interval": None}
    apart = np.array([by_frame[0][index] - by_frame[1][index] for index in both])
    drawn = resample([window_of[index] for index in both])
    low, high = interval(mean_draws(apart, drawn), float(apart.mean())) if drawn.known else (np.nan, np.nan)
    ends = None if np.isnan(low) else [low, high]
    return {"detectability": float(apart.mean()), "detectability_interval": ends}


def _shown(probe: Probe) -> Any:
    """The moment whose frames are shown: a counted one with a face, from the middle of the probe."""
    held = [one for window in probe.windows for one in window.found if one.looked.counted and one.faces]
    return held[len(held) // 2]


def _close_up(probe: Probe, image: np.ndarray) -> np.ndarray:
    """The square around the face at the moment that is shown, uint8 RGB (384, 384, 3)."""
    import cv2

    x0, y0, x1, y1 = (float(v) for v in _shown(probe).faces[0].box)
    height, width = image.shape[:2]
    side = int(min(CLOSE_UP * max(x1 - x0, y1 - y0), width, height))
    left = int(np.clip((x0 + x1 - side) / 2, 0, width - side))
    top = int(np.clip((y0 + y1 - side) / 2, 0, height - side))
    cut = np.ascontiguousarray(image[top : top + side, left : left + side])
    way = cv2.INTER_AREA if side > SIDE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(cut, (SIDE, SIDE), interpolation=way))


def _original(workspace: Workspace, method: str, probe: Probe, place: Path) -> str:
    """Write the same moment of the original, marked if it is synthetic itself; its name."""
    image = _close_up(probe, _shown(probe).looked.frame.image)
    if read_credentials(workspace.clip("destination")).by_studio:
        making = describe(workspace, method, {}, "preview", "Frame of the original, which is synthetic too")
        content = picture_bytes(image, making)
    else:
        content = plain_picture(image)
    with replacing(place / "original.jpg") as temporary:
        temporary.write_bytes(content)
    return f"{FOLDER}/original.jpg"
