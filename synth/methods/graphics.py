"""``graphics``: a swap without training, made of the source's own frames bent over the destination's face mesh.

The frames of the source that look most like the destination's pose and expression, for eyes, mouth and the rest of
the face each by itself, are warped triangle by triangle onto the destination's mesh, brought under its light and
blended. What the pose hides in them comes from frames that show it, or from the face's other side.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import torch

from datasets.checkpoint import load_checkpoint, save_checkpoint
from datasets.errors import InputError, Interrupted
from datasets.facearrays import FaceArrays
from datasets.interrupt import StopRequested
from datasets.progress import Progress, counted, silent
from synth.album import Album, complete, inner_mouth, make_album, wanted_face
from synth.crops import check_faces, data_hash, face_ssim, held_out, to_tensor
from synth.library import Person, person, proportioned
from synth.meshwarp import sample, with_irises_between_lids
from synth.method import Budget, Rendered, register_method
from synth.relight import even_out, mean_light

PEOPLE = ("source", "destination")
FEWEST_FACES = 8
MEASURED_SIDE, MOST_MEASURED = 96, 32
SHEET_ROWS, SHEET_SIDE = 4, 128


@dataclass(frozen=True)
class GraphicsSettings:
    """Options of the method.

    Attributes:
        frames: how many of the source's frames are kept, 4 to 200.
        blend: how many of them are blended in each region of the face, 1 to 8.
        relight: whether the source takes the destination's light.
        shape: how much of the source's own proportions the face takes, 0 (none, the destination's) to 1.
        size: side of the crops, pixels, 64 to 512.
    """

    frames: int = 48
    blend: int = 3
    relight: bool = True
    shape: float = 0.25
    size: int = 256

    @classmethod
    def from_options(cls, options: Mapping[str, Any] | None) -> GraphicsSettings:
        """Settings from names and texts or values. Raises InputError for an unknown name or a value out of range."""
        known = asdict(cls())
        values = dict(options or {})
        for name, value in values.items():
            if name not in known:
                raise InputError(f"graphics has no option {name!r}; its options are: {', '.join(sorted(known))}.")
            values[name] = _switch(value) if name == "relight" else _number(name, value)
        return cls(**values)


RANGES: dict[str, tuple[type, float, float]] = {
    "frames": (int, 4, 200),
    "blend": (int, 1, 8),
    "shape": (float, 0, 1),
    "size": (int, 64, 512),
}


def _switch(value: Any) -> bool:
    said = str(value).strip().lower()
    if said not in ("on", "true", "yes", "1", "off", "false", "no", "0"):
        raise InputError(f"graphics: relight is on or off, not {value!r}.")
    return said in ("on", "true", "yes", "1")


def _number(name: str, value: Any) -> Any:
    kind, low, high = RANGES[name]
    try:
        number = kind(str(value).strip())
    except ValueError:
        number = None
    if number is None or not low <= number <= high:
        whole = "a whole number" if kind is int else "a number"
        raise InputError(f"graphics: {name} is {whole} from {low:g} to {high:g}, not {value!r}.")
    return number


@register_method("graphics")
class Graphics:
    """The method without training: see the module. One instance is one source person's album."""

    name: ClassVar[str] = "graphics"
    size: int = 256
    coverage: ClassVar[float] = 1.4
    trains: ClassVar[bool] = False
    # The face has the destination's shading up to its rim already, so little of it need be faded out.
    composite: ClassVar[Mapping[str, Any]] = {"erode": 0.01, "blur": 0.05}

    def __init__(self, seed: int = 0, device: str = "auto", options: Mapping[str, Any] | None = None) -> None:
        # Nothing is drawn by lot, and all is done on the CPU; both are kept for the card.
        self.seed, self.device = seed, "cpu"
        self.settings = GraphicsSettings.from_options(options)
        self.size = self.settings.size
        self.album: Album | None = None
        self.people: dict[str, Person] = {}
        self.card: dict[str, Any] = {}

    def fit(
        self,
        source: FaceArrays,
        destination: FaceArrays,
        folder: Path,
        budget: Budget,
        progress: Progress = silent,
        show: Callable[[int, np.ndarray], None] | None = None,
    ) -> dict[str, Any]:
        """Make the source's album in ``folder``, in seconds; the budget does not count. See ``SwapMethod.fit``.

        The figures for held-out faces are those of each person's own album drawn onto faces that are not in it.

        Raises:
            InputError: too few faces. Interrupted: Ctrl-C; nothing was written.
        """
        faces = {"source": source, "destination": destination}
        check_faces(faces, self.size, self.coverage, FEWEST_FACES, " to swap with")
        began = time.monotonic()
        with StopRequested() as stop:

            def watched(step: str, done: float, total: float | None, note: str = "") -> None:
                progress(step, done, total, note)
                if stop.now:
                    raise Interrupted("Stopped, and nothing was written; the same command starts it again.")

            splits = {who: held_out(those) for who, those in faces.items()}
            own = {who: those.subset(splits[who][0]) for who, those in faces.items()}
            self.people = {who: person(own[who]) for who in PEOPLE}
            albums = {who: make_album(own[who], self.settings.frames, self.people[who], watched) for who in PEOPLE}
            self.album = albums["source"]
            ssim = {who: self._held_out_ssim(albums[who], faces[who].subset(splits[who][1]), watched) for who in PEOPLE}
            if show:
                show(0, self._sheet(albums, {who: faces[who].subset(splits[who][1]) for who in PEOPLE}))
        self.card = {
            "kind": "swap",
            "version": 1,
            "name": self.name,
            "method": self.name,
            "architecture": "frames of the source warped through the face mesh, relit; no training",
            "parameters": 0,
            "size": self.size,
            "coverage": self.coverage,
            "normalisation": "none: uint8 RGB crops",
            "options": asdict(self.settings),
            "step": 0,
            "seconds": round(time.monotonic() - began, 1),
            "seed": self.seed,
            "device": self.device,
            "data": {who: data_hash(those) for who, those in faces.items()},
            "faces": {
                who: {
                    "trained_on": len(splits[who][0]),
                    "held_out": len(splits[who][1]),
                    "kept": len(albums[who].images),
                }
                for who in PEOPLE
            },
            "heldout_measure": "SSIM at 96 px over the hull less the inside of the mouth, faces not in the album, "
            "each person drawn from their own album under the light of the face drawn onto",
            "heldout": {who: {"ssim": round(ssim[who], 4)} for who in PEOPLE},
        }
        self.save(folder)
        return self.card

    def _draw(
        self, album: Album, onto: Person, crop: np.ndarray, mask: np.ndarray, landmarks: np.ndarray, shape: float
    ) -> Rendered:
        """An album's face on the mesh in a crop; where there is no mesh, the crop in the album's colours."""
        wanted = wanted_face(crop, landmarks, onto.eyes, self.settings.relight)
        own = wanted.landmarks
        if shape > 0:
            moved = proportioned(landmarks, wanted.pose, album.whose, onto, shape)
            wanted = type(wanted)(with_irises_between_lids(moved), wanted.pose, wanted.features, wanted.light)
        drawn = album.draw(wanted, self.settings.blend)
        pixels = drawn.raster.pixels
        light = wanted.light if wanted.light is not None else wanted_face(crop, landmarks, onto.eyes, True).light
        tone = (album.colour / mean_light(light)).astype(np.float32)  # type: ignore[arg-type]
        colours = drawn.colours
        inside = inner_mouth(wanted.landmarks, self.size).reshape(-1, 1)[pixels]
        if inside.any():
            # A still picture of another mouth would not speak: teeth and tongue are the destination's own.
            living = sample(crop, drawn.raster.spread(own)).astype(np.float32) * tone
            colours = colours + (living - colours) * inside
        face = (crop.astype(np.float32) * tone).reshape(-1, 3)
        face[pixels] = colours
        if self.settings.relight:
            gains = even_out(face.reshape(crop.shape), crop, mask.astype(np.float32) / 255)
            face[pixels] *= gains.reshape(-1, 3)[pixels]
        shown = np.zeros(self.size * self.size, np.float32)
        shown[pixels] = drawn.shown
        return Rendered(
            np.rint(np.clip(face, 0, 255)).astype(np.uint8).reshape(crop.shape),
            shown.reshape(mask.shape) * (mask.astype(np.float32) / 255),
        )

    def render(
        self, crops: np.ndarray, masks: np.ndarray, landmarks: np.ndarray, times: np.ndarray
    ) -> Iterator[Rendered]:
        """Swap aligned destination crops; see ``SwapMethod.render``. Each is made from itself alone."""
        if self.album is None:
            raise ValueError("an album that was never made has no face to show")
        for crop, mask, points in zip(crops, masks, landmarks, strict=True):
            yield self._draw(self.album, self.people["destination"], crop, mask, points, self.settings.shape)

    def _held_out_ssim(self, album: Album, faces: FaceArrays, progress: Progress) -> float:
        faces = faces.subset(slice(None, None, max(1, len(faces) // MOST_MEASURED)))
        made, truth = [], []
        for i in counted(range(len(faces)), "measuring on held-out faces", len(faces), progress):
            points = faces.landmarks[i]
            rendered = self._draw(album, album.whose, faces.images[i], faces.masks[i], points, 0.0)
            given = np.rint(inner_mouth(points, self.size) * 255).astype(np.uint8)
            hull = np.minimum(faces.masks[i], 255 - given)
            made.append(_shrunk(rendered.face, MEASURED_SIDE))
            truth.append(_shrunk(np.dstack([faces.images[i], hull]), MEASURED_SIDE))
        x = to_tensor(np.stack(truth))
        return face_ssim(to_tensor(np.stack(made)), x[:, :3], x[:, 3:])

    def _sheet(self, albums: dict[str, Album], faces: dict[str, FaceArrays]) -> np.ndarray:
        """Rows of a held-out source face, its reconstruction, a destination face, its reconstruction, and the swap."""
        lines = []
        for row in range(SHEET_ROWS):
            line = []
            for who in PEOPLE:
                held = faces[who]
                at = row * (len(held) - 1) // (SHEET_ROWS - 1)
                one = (held.images[at], held.masks[at], held.landmarks[at])
                line += [one[0], self._draw(albums[who], albums[who].whose, *one, 0.0).face]
                if who == "destination":
                    line.append(self._draw(albums["source"], albums[who].whose, *one, self.settings.shape).face)
            lines.append(np.hstack([_shrunk(picture, SHEET_SIDE) for picture in line]))
        return np.vstack(lines)

    def save(self, folder: Path) -> None:
        """Write the album and the card. Raises ValueError when there is none yet."""
        if not self.card or self.album is None:
            raise ValueError("an album that was never made can't be saved")
        album = self.album
        arrays = {
            "images": album.images,
            "landmarks": album.landmarks,
            "lights": album.lights,
            "base": album.base,
            "base_shown": album.base_shown,
        }
        for who, one in self.people.items():
            arrays[f"rest.{who}"], arrays[f"eyes.{who}"] = one.rest, np.array([one.eyes])
        save_checkpoint(folder, self.card, {name: torch.from_numpy(array) for name, array in arrays.items()})

    @classmethod
    def load(cls, folder: Path, device: str = "auto") -> Graphics:
        """Read an album that ``save`` wrote. Raises InputError when it is missing, damaged or of another method."""
        card, tensors = load_checkpoint(folder, "swap")
        if card.get("method") != cls.name:
            raise InputError(f"{folder} holds a {card.get('method')} model, and {cls.name} is needed.")
        model = cls(int(card.get("seed", 0)), device, card.get("options"))
        try:
            arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
            model.people = {who: Person(arrays[f"rest.{who}"], float(arrays[f"eyes.{who}"][0])) for who in PEOPLE}
            images, landmarks, lights = (arrays[name] for name in ("images", "landmarks", "lights"))
            model.album = complete(
                images, landmarks, lights, arrays["base"], arrays["base_shown"], model.people["source"]
            )
        except (KeyError, ValueError, IndexError) as error:
            raise InputError(f"The weights in {folder} do not fit {cls.name}.") from error
        if model.album.size != model.size:
            raise InputError(f"{folder} holds an album of {model.album.size} px and its card says {model.size}.")
        model.card = card
        return model


def _shrunk(image: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
