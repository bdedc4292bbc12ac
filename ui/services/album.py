"""The pictures of the page Learn: one frame of a swap on its way through every step, and where it gives itself away.

They are made once of a finished workspace and kept as files. A picture with a synthetic face in it leaves through the
one writer, with its marks; those of the sample's "originals" too, since its clips are portraits set in motion.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.atomic import remove, replacing, write_json
from datasets.errors import InputError
from datasets.progress import Progress, silent
from ui.settings import kept_of

if TYPE_CHECKING:
    from evaluate.results import Results
    from evaluate.views import View
    from synth.rendering import Prepared, Swapped

INDEX, VERSION = "album.json", 1
WIDEST, CROP = 560, 320
CUE_FRAMES, MOST_CUES = 5, 6
LINE, POINT = (94, 200, 255), (255, 196, 84)
# What swaps do there, one sentence each; the cue itself says what was measured.
FAMILIES = {
    "detail": "A model draws the face at a size of its own and it is bent into place: its detail is rarely as strong "
    "as that of the hair and neck around it.",
    "slope": "What was enlarged or softened loses its finest detail first, faster than the rest of the frame.",
    "crispness": "Edges drawn by a model, or bent into place, are wider than those the lens drew.",
    "chroma": "Two people's skin in two lights: the colours are matched on average, and not everywhere.",
    "lab": "The face's colour is matched to the neck on average; where the two meet, a step can stay.",
    "noise": "Every camera has noise. A model draws none, and blending it in averages it away.",
    "spectrum": "Natural pictures fade evenly towards the finest detail; drawn ones bend away from that.",
    "compression": "A frame was encoded once; a face that was set into it may carry no grid of blocks, or another one.",
    "eyes_teeth": "Both eyes see the same lamps, and teeth have edges: small things that a model blurs.",
}
NAMES = {
    "detail": "Fine detail",
    "slope": "How detail fades",
    "crispness": "Edges",
    "chroma": "Colour",
    "lab": "Skin colour",
    "noise": "Noise",
    "spectrum": "Spectrum",
    "compression": "Coding blocks",
    "eyes_teeth": "Eyes and teeth",
}


@dataclass(frozen=True)
class Shot:
    """One picture: its file's name in the album, what it is called, and what is to be seen, for who can't see it."""

    file: str
    caption: str
    alt: str


@dataclass(frozen=True)
class CueShot:
    """One give-away: where a measurement looks on the swap and on its original, and what it says of either."""

    name: str
    title: str
    why: str
    swap: Shot
    original: Shot
    said_of_swap: str
    said_of_original: str
    odd: bool


@dataclass(frozen=True)
class Album:
    """All pictures.

    Attributes:
        folder: where the files lie.
        time: of the frame, seconds. index: its number.
        source, destination: names of the two people.
        shots: by step.
        cues: where it gives itself away.
        steps: of the training when each preview was made.
        scores: of this frame, swap and original, None where it was not scored.
    """

    folder: Path
    time: float
    index: int
    source: str
    destination: str
    shots: Mapping[str, tuple[Shot, ...]]
    cues: tuple[CueShot, ...]
    steps: tuple[int, ...]
    scores: tuple[float, float] | None

    def picture(self, shot: Shot) -> bytes:
        """A picture's file, JPEG."""
        return (self.folder / shot.file).read_bytes()


def album_folder(root: Path) -> Path:
    """Where the pictures of a workspace are kept."""
    return kept_of(root, "learn")


def _stamp(root: Path) -> str:
    import hashlib

    try:
        held = (Path(root) / "result" / "detectability.json").read_bytes()
        return hashlib.sha256((Path(root) / "result" / "result.json").read_bytes() + held).hexdigest()[:16]
    except OSError:
        return ""


def opened(root: Path) -> Album | None:
    """The album of a workspace, None where it is not made yet or the swap is another one since."""
    folder = album_folder(root)
    try:
        held = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if held.pop("version") != VERSION or held.pop("stamp") != _stamp(root):
            return None
        shots = {name: tuple(Shot(**one) for one in many) for name, many in held.pop("shots").items()}
        cues = tuple(
            CueShot(**{**one, "swap": Shot(**one["swap"]), "original": Shot(**one["original"])})
            for one in held.pop("cues")
        )
        scores = held.pop("scores")
        steps = tuple(held.pop("steps"))
        found = Album(folder, shots=shots, cues=cues, steps=steps, scores=scores and tuple(scores), **held)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    files = [shot for many in shots.values() for shot in many] + [s for cue in cues for s in (cue.swap, cue.original)]
    return found if all((folder / shot.file).is_file() for shot in files) else None


def make(root: Path, progress: Progress = silent) -> Album:
    """Make the album of a finished workspace; one that is there already is kept.

    Raises:
        InputError: the workspace has no swap, model or scores yet. Refused: a consent record no longer holds.
    """
    from datasets.workspace import open_workspace
    from evaluate.results import read_results

    if (held := opened(root)) is not None:
        return held
    results = read_results(open_workspace(root))
    if results.lacks("result") is not None or results.scores is None:
        raise InputError(f"{root} holds no swap that was scored; finish it first, then it can be shown step by step.")
    folder = album_folder(root)
    remove(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing(folder) as temporary:
        temporary.mkdir()
        write_json(temporary / INDEX, _Filling(results, temporary, progress).all() | {"stamp": _stamp(root)})
    found = opened(root)
    if found is None:
        raise InputError(f"The pictures of {root} could not be kept in {folder}.")
    return found


class _Filling:
    """One album while it is made."""

    def __init__(self, results: Results, folder: Path, progress: Progress) -> None:
        self.results, self.folder, self.progress = results, folder, progress
        self.workspace = results.workspace
        self.shots: dict[str, list[Shot]] = {}

    def all(self) -> dict[str, Any]:
        from datasets.faceset import FaceSet
        from evaluate.views import chosen, moments, views
        from synth.people import person_of
        from synth.pipeline import load_model

        results, steps = self.results, 6
        times = moments(results)
        picked = chosen(results, CUE_FRAMES, len(times))
        self.progress("reading the frames", 0, steps)
        seen = list(views(results, picked, times))
        view = seen[len(seen) // 2]
        source, destination = self._people()
        self._two_clips(view, source, destination)
        self.progress("finding the face", 1, steps)
        faces = FaceSet(self.workspace.faces("destination"))
        track, _ = person_of(self.workspace, "destination", faces)
        name = str((results.result.get("method") or {}).get("name") or "")
        model = load_model(self.workspace, name, "cpu")
        prepared, swapped = self._rendered(model, faces, track, view, name)
        self._face(view, prepared)
        self._crops(prepared, model)
        self.progress("collecting the training's previews", 2, steps)
        trained = self._previews(name)
        self.progress("putting the face back", 3, steps)
        self._back(view, prepared, swapped)
        self._judged(view)
        self.progress("measuring where it gives itself away", 4, steps)
        cues = self._cues(seen, view)
        self.progress("done", steps, steps)
        scores = view.scores and [view.scores.fake, view.scores.original]
        return {
            "version": VERSION,
            "time": view.time,
            "index": view.index,
            "source": source,
            "destination": destination,
            "shots": {name: [asdict(one) for one in many] for name, many in self.shots.items()},
            "cues": [asdict(one) for one in cues],
            "steps": trained,
            "scores": scores,
        }

    def _people(self) -> tuple[str, str]:
        who = {record.role: record.who for record in self.workspace.consent}
        return who.get("source", "the source"), who.get("destination", "the destination")

    # -- writing -----------------------------------------------------------------------------------------------------

    def keep(self, step: str, image: np.ndarray, caption: str, alt: str, kind: str = "swap") -> Shot:
        """Write a picture into the album.

        Args:
            kind: ``swap`` for one with a synthetic face; ``original`` for one of the footage as it came in; ``plain``
                for one without a face.
        """
        shot = self._write(f"{step}-{len(self.shots.get(step, []))}.jpg", image, caption, alt, kind)
        self.shots.setdefault(step, []).append(shot)
        return shot

    def _write(self, file: str, image: np.ndarray, caption: str, alt: str, kind: str) -> Shot:
        from datasets.provenance.writer import write_picture
        from evaluate.views import making, original_picture, plain_picture

        path, image = self.folder / file, np.ascontiguousarray(image)
        if kind == "plain":
            path.write_bytes(plain_picture(image))
        elif kind == "original":
            path.write_bytes(original_picture(self.results, image))
        else:
            write_picture(path, image, making(self.results, caption), 88)
        return Shot(file, caption, alt)

    # -- the steps ---------------------------------------------------------------------------------------------------

    def _two_clips(self, view: View, source: str, destination: str) -> None:
        from datasets.provenance.reading import read_credentials
        from datasets.video import frames_at, is_picture, read_picture, timestamps

        clip = self.workspace.clips("source")[0]
        still = is_picture(clip)
        image = read_picture(clip) if still else next(frames_at(clip, [len(timestamps(clip)) // 3])).image
        kind = "swap" if read_credentials(clip).synthetic else "plain"  # footage from a camera is shown as it is
        self.keep("clips", small(image), f"Source: {source}", f"A frame of the source clip: {source}.", kind)
        self.keep(
            "clips",
            small(view.original),
            f"Destination: {destination}",
            f"A frame of the destination clip: {destination}.",
            "original",
        )

    def _rendered(self, model: Any, faces: Any, track: Any, view: View, name: str) -> tuple[Prepared, Swapped]:
        from datasets.video import Frame
        from evaluate.loop import merged_with
        from synth.composite.occlusion import Occlusion
        from synth.rendering import composed, prepared_frames

        frame = Frame(view.index, view.time, view.original)
        prepared = next(prepared_frames([frame], faces, model, track))
        occlusion = Occlusion(faces, track, model.size, model.coverage)
        try:
            swapped = composed(prepared, merged_with(self.workspace, name), occlusion)
        finally:
            occlusion.close()
        if prepared.rendered is None or prepared.row is None:
            raise InputError(f"Frame {view.index} has no face that was swapped.")
        return prepared, swapped

    def _face(self, view: View, prepared: Prepared) -> None:
        import cv2

        from datasets.faces.mesh import triangles

        row = prepared.row
        assert row is not None and row.landmarks is not None
        found = view.original.copy()
        width = max(2, round(min(found.shape[:2]) / 200))
        x0, y0, x1, y1 = (round(float(v)) for v in row.box)
        cv2.rectangle(found, (x0, y0), (x1, y1), POINT, width, cv2.LINE_AA)
        for x, y in row.five_points:
            cv2.circle(found, (round(float(x)), round(float(y))), 2 * width, POINT, -1, cv2.LINE_AA)
        self.keep(
            "face",
            small(found),
            "The face, and five points of it",
            "The destination's frame with a box around the face and dots on eyes, nose and mouth corners.",
            "original",
        )
        mesh = view.original.copy()
        points = np.round(row.landmarks[:, :2] * 16).astype(np.int32)
        for corners in triangles():
            cv2.polylines(mesh, [points[list(corners)].reshape(-1, 1, 2)], True, LINE, 1, cv2.LINE_AA, 4)
        x0, y0, x1, y1 = close(row.box, mesh.shape[1], mesh.shape[0])
        self.keep(
            "face",
            scaled(mesh[y0:y1, x0:x1], WIDEST),
            "The mesh: 478 points",
            "The face close up with a net of 478 points and triangles laid over it.",
            "original",
        )

    def _crops(self, prepared: Prepared, model: Any) -> None:
        crop, hull, rendered = prepared.crop, prepared.hull, prepared.rendered
        assert crop is not None and hull is not None and rendered is not None
        self.keep(
            "crop",
            scaled(crop, CROP),
            f"Cut out and set upright, {model.size} px",
            "The face cut out of the frame, upright and centred.",
            "original",
        )
        dimmed = np.where(hull[..., None] > 0.5, crop, crop // 4)
        self.keep(
            "crop",
            scaled(dimmed, CROP),
            "What counts: the hull of the mesh",
            "The same with all that lies outside the face darkened.",
            "original",
        )
        self.keep(
            "face-made",
            scaled(rendered.face, CROP),
            "The face that the model draws",
            "The source's face with the destination's expression, as the model draws it.",
        )
        self.keep(
            "face-made",
            scaled(np.rint(np.clip(rendered.mask, 0, 1) * 255).astype(np.uint8), CROP),
            "Its mask: where to use it",
            "A white shape on black: where the drawn face is to be used.",
            "plain",
        )

    def _previews(self, name: str) -> list[int]:
        from datasets.video import read_picture

        files = sorted(self.workspace.model(name).glob("previews/step-*.jpg"))
        if not files:
            return []
        picked = sorted({0, len(files) - 1})
        steps = []
        for number in picked:
            step = int("".join(c for c in files[number].stem if c.isdigit()) or 0)
            steps.append(step)
            self.keep(
                "training",
                scaled(read_picture(files[number]), 900),
                f"After {step:,} steps",
                "Rows of faces: source, redrawn; destination, redrawn; and the swap, further trained in each picture.",
            )
        return steps

    def _back(self, view: View, prepared: Prepared, swapped: Swapped) -> None:
        from datasets.faces.align import unwarp

        assert prepared.rendered is not None and prepared.affine is not None and prepared.row is not None
        x0, y0, x1, y1 = close(prepared.row.box, view.original.shape[1], view.original.shape[0])
        height, width = view.original.shape[:2]
        face = unwarp(prepared.rendered.face, prepared.affine, (width, height))
        mask = unwarp(prepared.rendered.mask.astype(np.float32), prepared.affine, (width, height))[..., None]
        raw = np.rint(view.original * (1 - (mask > 0.5)) + face * (mask > 0.5)).astype(np.uint8)
        shown = (
            (raw, "Pasted as it is", "The drawn face pasted into the frame with a hard edge and its own colours."),
            (
                swapped.image,
                "Colour, edge and grain matched",
                "The same frame after colour, edge and grain were matched: hard to see.",
            ),
        )
        for image, caption, alt in shown:
            self.keep("back", scaled(image[y0:y1, x0:x1], WIDEST), caption, alt)
        self.keep(
            "back",
            scaled(swapped.mask[y0:y1, x0:x1], WIDEST),
            "The swap mask: what was replaced",
            "White where the picture was replaced, grey where it was blended, black where it was left.",
            "plain",
        )

    def _judged(self, view: View) -> None:
        from evaluate.heatmaps import lay_over

        self.keep(
            "done",
            small(view.swap),
            "The finished frame, with its marks",
            "The finished swap with the letters AI in its top right corner.",
        )
        if view.heat is not None:
            self.keep(
                "done",
                small(lay_over(view.swap, view.heat)),
                "What the detector sees",
                "The swap in grey with warm colours where the detector finds traces.",
            )
        if view.mask is not None:
            self.keep(
                "done",
                small(view.mask),
                "What was really changed",
                "White where the picture was really changed.",
                "plain",
            )

    # -- where it gives itself away ----------------------------------------------------------------------------------

    def _cues(self, seen: list[View], view: View) -> list[CueShot]:
        from evaluate.scoreviews import cue_picture
        from ui.services.givenaway import give_aways

        found = []
        for given in give_aways(seen, seen.index(view), MOST_CUES):
            pictures = [cue_picture(given.name, patch) for patch in (given.swap, given.original)]
            if any(picture is None for picture in pictures):
                continue
            title = f"{NAMES.get(given.family, given.family)}: {given.part}"
            # No frame's badge is inside a close-up, so each gets its own.
            swap, original = (
                self._write(
                    f"cue-{given.name}-{which}.jpg",
                    scaled(picture, CROP),  # type: ignore[arg-type]
                    "Swap" if which == "swap" else "Original",
                    f"Where “{title}” is measured, laid over the {which}'s face.",
                    which,
                )
                for which, picture in zip(("swap", "original"), pictures, strict=True)
            )
            found.append(
                CueShot(
                    given.name,
                    title,
                    FAMILIES.get(given.family, ""),
                    swap,
                    original,
                    given.said_of_swap,
                    given.said_of_original,
                    given.odd,
                )
            )
        return found


def small(image: np.ndarray) -> np.ndarray:
    """A picture at most ``WIDEST`` pixels wide."""
    return scaled(image, WIDEST) if image.shape[1] > WIDEST else image


def scaled(image: np.ndarray, width: int) -> np.ndarray:
    """A picture brought to a width, pixels."""
    import cv2

    size = (width, max(1, round(image.shape[0] * width / image.shape[1])))
    way = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=way)


def close(box: Any, width: int, height: int) -> tuple[int, int, int, int]:
    """A square around a face inside a frame, xyxy whole pixels."""
    from evaluate.scoreviews import square

    return square([float(v) for v in box], width, height)
