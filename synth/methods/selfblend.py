"""``self-blend``: every destination face blended into itself, so that pseudo-fakes come as labelled clips.

No face of the source is in the result: it takes a source as every method does and never looks at it. What it makes is a
clip of the destination's own person with the traits of a bad swap (see ``datasets.selfblend``), drawn once and steady
over the clip, and its mask is exact.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np

from datasets.checkpoint import load_checkpoint, save_checkpoint
from datasets.device import pick_device
from datasets.errors import InputError, Interrupted
from datasets.facearrays import FaceArrays
from datasets.faces.align import crop_to_crop
from datasets.interrupt import StopRequested
from datasets.progress import Progress, silent
from datasets.selfblend import layer
from datasets.selfblenddraw import MASKS, STRONGEST, TEXTURES, SelfBlendDraw, SelfBlendSettings, Wave, draw_self_blend
from datasets.selfblendmask import Place
from synth.crops import check_faces, face_ssim, to_tensor
from synth.method import Budget, Rendered, register_method

PEOPLE = ("source", "destination")
ANY = "any"
RATIOS = (0.75, 1.0, 1.0)
STEADY = tuple(name for name in TEXTURES if name != "noise")
MEASURED, MEASURED_SIZE, SHOWN = 64, 96, 6
RIM = 0.04  # of the crop's side, in which the mask runs out: beyond it there is nothing to blend
PERIODS = (2.5, 9.0)  # of the drift, seconds
NOTE = (
    "self-blend uses the destination alone: the clip shows the destination's own person with the traits of a swap, and "
    "nothing of the source."
)


@dataclass(frozen=True)
class SelfBlendOptions:
    """The method's options.

    Attributes:
        mask: a kind of mask (``datasets.selfblenddraw.MASKS``), or ``any``: drawn from the seed.
        texture: how the texture differs (``datasets.selfblenddraw.TEXTURES``), or ``any`` but noise: grain that only
            the face has flickers as no swap does.
        strength: factor on every change of colour, texture and geometry, above 0 and up to 2.
        ratio: the alpha inside the mask, above 0 and up to 1; 0: drawn from .75 and 1.
        drift: how much place and outline vary over the clip, 0 (not at all) to 1.
        variant: number of the draw from one seed, 0 or more: another number, another pseudo-fake of the same clip.
    """

    mask: str = ANY
    texture: str = ANY
    strength: float = 1.0
    ratio: float = 0.0
    drift: float = 0.3
    variant: int = 0

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> SelfBlendOptions:
        """From names and texts or values. Raises InputError for an unknown name or a value out of bounds."""
        known: dict[str, Any] = {field.name: field.default for field in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in given.items():
            if name not in known:
                raise InputError(f"self-blend has no option {name!r}; its options are: {', '.join(sorted(known))}.")
            try:
                values[name] = type(known[name])(value)
            except (TypeError, ValueError) as error:
                wanted = "a whole number" if isinstance(known[name], int) else "a number"
                raise InputError(f"The option {name} of self-blend is {wanted}, and {value!r} is not.") from error
        options = cls(**values)
        for name, there in (("mask", MASKS), ("texture", TEXTURES)):
            if getattr(options, name) not in (ANY, *there):
                said = f"There is no self-blend {name} {getattr(options, name)!r}"
                raise InputError(f"{said}; there are: {ANY}, {', '.join(there)}.")
        bounds = {"strength": (0.05, STRONGEST), "ratio": (0.0, 1.0), "drift": (0.0, 1.0), "variant": (0, 2**31)}
        for name, (least, most) in bounds.items():
            if not least <= getattr(options, name) <= most:  # also what is not a number
                raise InputError(f"The option {name} of self-blend lies in {least:g} to {most:g}, not {given[name]}.")
        return options


@register_method("self-blend")
class SelfBlend:
    """The self-blend method: see the module. One instance is one draw."""

    name: ClassVar[str] = "self-blend"
    size: ClassVar[int] = 256
    coverage: ClassVar[float] = 1.6
    trains: ClassVar[bool] = False
    fewest_faces: ClassVar[int] = 1
    uses: ClassVar[tuple[str, ...]] = ("destination",)
    composite: ClassVar[Mapping[str, Any]] = {"mode": "raw", "mask": "learned", "erode": 0.0, "blur": 0.0}

    def __init__(self, seed: int = 0, device: str = "auto", options: Mapping[str, Any] | None = None) -> None:
        self.seed, self.device = seed, pick_device(device)
        self.options = SelfBlendOptions.of(options or {})
        self.draw = _draw(seed, self.options)
        self.drift = _Drift(seed, self.options)
        # The face's place in an aligned crop is the same in every frame.
        moved = crop_to_crop(1, 1.0, self.size, self.coverage)
        self.place = Place((float(moved[0, 2]), float(moved[1, 2])), self.size / self.coverage)
        self.rim = _rim(self.size)
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
        """Write the model, which is what was drawn from the seed; there is nothing to train, so ``budget`` is not used.

        Args:
            source, destination: faces at ``size`` and ``coverage``. The source's are only measured.
            show: called once with 0 and a sheet, uint8 RGB: each row a destination face, the blended one, the mask.

        Returns:
            The card that was written. Its ``heldout`` is the SSIM of blended faces against the same faces untouched:
            how far they are changed, not how well anything was learnt.

        Raises:
            InputError: a face set without a face. Interrupted: Ctrl-C; nothing is written.
        """
        began = time.monotonic()
        faces = dict(zip(PEOPLE, (source, destination), strict=True))
        check_faces(faces, self.size, self.coverage, self.fewest_faces)
        with StopRequested() as stop:
            heldout = {who: {"ssim": round(self._ssim(who, those, progress, stop), 4)} for who, those in faces.items()}
        if show:
            show(0, self._sheet(destination))
        self.card = {
            "kind": "swap",
            "version": 1,
            "name": self.name,
            "method": self.name,
            "architecture": "none: the destination blended into itself",
            "uses": ["destination"],
            "notes": [NOTE],
            "parameters": 0,
            "size": self.size,
            "coverage": self.coverage,
            "normalisation": "none: uint8 RGB",
            "step": 0,
            "seconds": round(time.monotonic() - began, 1),
            "seed": self.seed,
            "options": asdict(self.options),
            "drawn": self.draw.to_table(),
            "device": self.device,
            "data": {who: _hash(those) for who, those in faces.items()},
            "faces": {who: {"trained_on": 0, "held_out": len(those)} for who, those in faces.items()},
            "heldout_measure": (
                f"SSIM at {MEASURED_SIZE} px over the hull of self-blended faces against the same faces untouched: how "
                "far a face is changed; nothing was trained"
            ),
            "heldout": heldout,
        }
        self.save(folder)
        return self.card

    def render(
        self, crops: np.ndarray, masks: np.ndarray, landmarks: np.ndarray, times: np.ndarray
    ) -> Iterator[Rendered]:
        """The changed copy of each crop and the alpha to blend it with; see ``SwapMethod.render``."""
        for crop, points, when in zip(crops, landmarks, times, strict=True):
            moment = max(0, round(float(when) * 100_000))
            face, alpha = layer(crop, points, self.drift.at(self.draw, float(when)), self.place, moment)
            yield Rendered(face, alpha * self.rim)

    def _blended(self, faces: FaceArrays, index: int) -> tuple[np.ndarray, np.ndarray]:
        """One face of a set blended, uint8 RGB (S, S, 3), and the alpha, float32 (S, S)."""
        one = faces.subset(slice(index, index + 1))
        made = next(iter(self.render(one.images, one.masks, one.landmarks, one.times)))
        return cv2.blendLinear(np.ascontiguousarray(one.images[0]), made.face, 1 - made.mask, made.mask), made.mask

    def _ssim(self, who: str, faces: FaceArrays, progress: Progress, stop: StopRequested) -> float:
        """Mean over at most ``MEASURED`` faces, evenly spread over the set."""
        chosen = np.unique(np.linspace(0, len(faces) - 1, MEASURED).round().astype(int))
        side = (MEASURED_SIZE, MEASURED_SIZE)
        planes: tuple[list[np.ndarray], ...] = ([], [], [])
        for done, index in enumerate(chosen, 1):
            pictures = (self._blended(faces, int(index))[0], faces.images[index], faces.masks[index])
            for plane, picture in zip(planes, pictures, strict=True):
                plane.append(cv2.resize(picture, side, interpolation=cv2.INTER_AREA))
            progress(f"blending the {who}'s faces", done, len(chosen))
            if stop.now:
                raise Interrupted("Stopped; nothing was written, and the same command starts again.")
        made, truth, hull = (np.stack(plane) for plane in planes)
        return face_ssim(to_tensor(made), to_tensor(truth), to_tensor(hull[..., None]))

    def _sheet(self, faces: FaceArrays) -> np.ndarray:
        rows = []
        for index in np.unique(np.linspace(0, len(faces) - 1, SHOWN).round().astype(int)):
            blended, alpha = self._blended(faces, int(index))
            grey = np.rint(alpha * 255).astype(np.uint8)
            rows.append(np.hstack([faces.images[index], blended, cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)]))
        return cv2.resize(np.vstack(rows), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)

    def save(self, folder: Path) -> None:
        """Write the card and a weights file without weights. Raises ValueError before ``fit``."""
        if not self.card:
            raise ValueError("a model that was never fitted has no card to save")
        save_checkpoint(folder, self.card, {})

    @classmethod
    def load(cls, folder: Path, device: str = "auto") -> SelfBlend:
        """Read a model that ``save`` wrote: what was drawn comes from its card.

        Raises InputError when it is missing, damaged or of another method.
        """
        card, _ = load_checkpoint(folder, "swap")
        if card.get("method") != cls.name or (card.get("size"), card.get("coverage")) != (cls.size, cls.coverage):
            raise InputError(f"{folder} holds a {card.get('method')} model, and {cls.name} is needed.")
        try:
            model = cls(int(card["seed"]), device, card["options"])
            model.draw = SelfBlendDraw.from_table(card["drawn"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{folder} holds a damaged {cls.name} model.") from error
        model.card = card
        return model


def _draw(seed: int, options: SelfBlendOptions) -> SelfBlendDraw:
    """What is drawn for a clip: its surroundings stay what they are, so it is the copy blended in that is changed."""
    settings = SelfBlendSettings(
        masks=tuple(MASKS) if options.mask == ANY else (options.mask,),
        textures=STEADY if options.texture == ANY else (options.texture,),
        strength=options.strength,
        ratios=RATIOS if options.ratio == 0 else (options.ratio,),
        either=False,
        degrade=False,
    )
    return draw_self_blend(np.random.default_rng([seed, options.variant]), settings)


class _Drift:
    """Slow, smooth changes over a clip: each quantity a sum of two sine waves of the time, in about [-1, 1]."""

    QUANTITIES = 4

    def __init__(self, seed: int, options: SelfBlendOptions) -> None:
        rng = np.random.default_rng([seed, options.variant, 1])
        self.amount = options.drift
        self.rates = 2 * np.pi / rng.uniform(*PERIODS, (self.QUANTITIES, 2))
        self.phases = rng.uniform(0, 2 * np.pi, (self.QUANTITIES, 2))

    def at(self, draw: SelfBlendDraw, seconds: float) -> SelfBlendDraw:
        """The draw at a time of the clip."""
        if self.amount == 0:
            return draw
        values = self.amount * np.sin(self.rates * seconds + self.phases).mean(1)
        across, down, scale, phase = (float(value) for value in values)

        def moved(waves: tuple[Wave, ...]) -> tuple[Wave, ...]:
            return tuple((fx, fy, start + 0.8 * phase, ax, ay) for fx, fy, start, ax, ay in waves)

        return replace(
            draw,
            shift=(draw.shift[0] + 0.012 * across, draw.shift[1] + 0.008 * down),
            scale=draw.scale * math.exp(0.012 * scale),
            waves=moved(draw.waves),
            bend=moved(draw.bend),
        )


def _rim(size: int) -> np.ndarray:
    """1 inside a crop, down to 0 on its outermost pixels: float32 (size, size)."""
    away = np.minimum(np.arange(size), np.arange(size)[::-1]) / (RIM * size)
    ramp = np.clip(away, 0, 1).astype(np.float32)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return np.minimum(ramp, ramp[:, None])


def _hash(faces: FaceArrays) -> str:
    """SHA-256 of a set's pictures, hex."""
    return hashlib.sha256(np.ascontiguousarray(faces.images).tobytes()).hexdigest()
