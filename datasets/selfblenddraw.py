"""What is drawn at random for one self-blended face: plain numbers that can be logged and replayed.

Lengths are in units of the face (the side of its landmark box), so that a draw means the same at any picture size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from datasets.errors import InputError

# Kinds of mask with their share of a mixed set; what each covers is in ``datasets.selfblendmask``.
MASKS: dict[str, float] = {"face": 0.25, "below-brows": 0.2, "inner": 0.2, "lower": 0.15, "eyes": 0.08, "parts": 0.12}
PARTS = ("left eye", "right eye", "nose", "mouth")
# Kinds of texture with their share, and the range that the amount is drawn from.
TEXTURES: dict[str, tuple[float, float, float]] = {
    "coarse": (0.25, 1.4, 4.0),  # brought down by this factor and back up, linear
    "coarse-cubic": (0.2, 1.4, 4.0),  # the same, brought up with cubic pieces
    "blur": (0.15, 0.003, 0.009),  # standard deviation, face units
    "median": (0.1, 1.0, 1.0),
    "sharpen": (0.18, 0.4, 1.3),  # weight of the unsharp mask
    "noise": (0.12, 2.0, 6.0),  # standard deviation in 0..255
}
RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
STRONGEST = 2.0
# One plane wave of a displacement: (cycles a face across, down, phase in radians, amplitude across, down).
Wave = tuple[float, float, float, float, float]


@dataclass(frozen=True)
class Look:
    """A change of colours and texture.

    Attributes:
        shift: added to R, G and B, in 0..255.
        contrast: factor about the middle grey.
        brightness: added to all, in 0..255.
        gamma: exponent of the levels in [0, 1].
        saturation: factor of the distance from grey.
        hue: turn of the colours about the grey axis, degrees.
        shade: change of the gain over one face unit to the right and down.
        texture: ``none`` or a key of :data:`TEXTURES`.
        amount: how much of it, see :data:`TEXTURES`.
        noise_seed: what a noise field comes from.
        jpeg: quality of a JPEG round trip at the end, 0 for none.
    """

    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    contrast: float = 1.0
    brightness: float = 0.0
    gamma: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0
    shade: tuple[float, float] = (0.0, 0.0)
    texture: str = "none"
    amount: float = 0.0
    noise_seed: int = 0
    jpeg: int = 0


@dataclass(frozen=True)
class SelfBlendDraw:
    """All that was drawn for one pair.

    Attributes:
        mask: a key of :data:`MASKS`.
        parts: of ``parts``, which of :data:`PARTS`.
        grow: factor on the mask's outline about its centre.
        waves: displacement of the mask's outline.
        edge: standard deviation of the mask's soft edge, face units.
        inset: 0: the edge is soft to both sides of the outline; 1: all of it lies inside.
        ratio: the alpha inside the mask, in (0, 1].
        changed: which copy gets ``look``: ``source`` (what is blended in) or ``target`` (what surrounds it).
        look: the change of colours and texture.
        shift: (right, down), how far the source is moved, face units.
        scale, turn: of the source about the face's centre; degrees, clockwise.
        bend: displacement of what is inside the source, so that its features miss their places.
        shared: what both pictures of the pair go through at the end; None for nothing.
    """

    mask: str
    parts: tuple[str, ...]
    grow: float
    waves: tuple[Wave, ...]
    edge: float
    inset: float
    ratio: float
    changed: str
    look: Look
    shift: tuple[float, float]
    scale: float
    turn: float
    bend: tuple[Wave, ...]
    shared: Look | None = None

    def to_table(self) -> dict[str, Any]:
        """As a table of plain values, for JSON or TOML; :meth:`from_table` gives back an equal draw."""
        table = asdict(self)
        if self.shared is None:
            del table["shared"]
        return table

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> SelfBlendDraw:
        """A draw from what ``to_table`` made, also after a way through JSON. Raises InputError for anything else."""
        try:
            held = dict(table)
            look = _look(held.pop("look"))
            shared = held.pop("shared", None)
            for name in ("waves", "bend"):
                held[name] = tuple(tuple(float(value) for value in wave) for wave in held[name])
            held |= {"parts": tuple(held["parts"]), "shift": tuple(held["shift"])}
            draw = cls(**held, look=look, shared=None if shared is None else _look(shared))
            known = draw.mask in MASKS and set(draw.parts) <= set(PARTS) and draw.changed in ("source", "target")
            if not known or any(len(wave) != 5 for wave in (*draw.waves, *draw.bend)):
                raise ValueError("an unknown word or a wave without five numbers")
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise InputError(f"This is not the record of a self-blended face: {error}.") from error
        return draw


def _look(table: Mapping[str, Any]) -> Look:
    held: dict[str, Any] = {
        key: tuple(value) if key in ("shift", "shade") else value for key, value in dict(table).items()
    }
    unknown = set(held) - {field.name for field in fields(Look)}
    if unknown or held.get("texture", "none") not in ("none", *TEXTURES):
        raise ValueError(f"an unknown look ({', '.join(sorted(unknown)) or held['texture']})")
    return Look(**held)


@dataclass(frozen=True)
class SelfBlendSettings:
    """What may be drawn.

    Attributes:
        masks: kinds of mask, keys of :data:`MASKS`, each with its share there.
        textures: kinds of texture, keys of :data:`TEXTURES`, each with its share there.
        strength: factor on every change of colour, texture and geometry, in (0, 2].
        ratios: the alphas inside the mask to choose from, each in (0, 1].
        either: whether the surroundings, too, may be the copy that is changed; else it is always what is blended in.
        degrade: whether the pair goes through a shared change of colours and JPEG at the end.

    Raises InputError for values outside those.
    """

    masks: tuple[str, ...] = tuple(MASKS)
    textures: tuple[str, ...] = tuple(TEXTURES)
    strength: float = 1.0
    ratios: tuple[float, ...] = RATIOS
    either: bool = True
    degrade: bool = True

    def __post_init__(self) -> None:
        for what, chosen, there in (("mask", self.masks, MASKS), ("texture", self.textures, TEXTURES)):
            unknown = [name for name in chosen if name not in there]
            if unknown or not chosen:
                named = ", ".join(map(repr, unknown)) or "of no name"
                raise InputError(f"There is no self-blend {what} {named}; there are: {', '.join(there)}.")
        if not 0 < self.strength <= STRONGEST:
            raise InputError(f"The strength of a self-blend lies above 0 and up to {STRONGEST:g}, not {self.strength}.")
        if not self.ratios or not all(0 < ratio <= 1 for ratio in self.ratios):
            raise InputError("The ratios of a self-blend lie above 0 and up to 1.")


def draw_self_blend(rng: np.random.Generator, settings: SelfBlendSettings | None = None) -> SelfBlendDraw:
    """Draw one self-blend; all randomness comes from ``rng``.

    How far the copies differ is itself drawn, from hardly visible to plain. Ranges follow Shiohara and Yamasaki,
    "Detecting Deepfakes with Self-Blended Images", CVPR 2022, with more kinds of mask, of texture and of misfit.
    """
    settings = settings or SelfBlendSettings()
    severity = settings.strength * rng.uniform(0.2, 1.0)
    shares = np.array([MASKS[name] for name in settings.masks])
    mask = settings.masks[int(rng.choice(len(shares), p=shares / shares.sum()))]
    parts: tuple[str, ...] = ()
    if mask == "parts":
        picked = rng.random(len(PARTS)) < 0.5
        picked[rng.integers(len(PARTS))] = True
        parts = tuple(part for part, taken in zip(PARTS, picked, strict=True) if taken)
    return SelfBlendDraw(
        mask=mask,
        parts=parts,
        grow=_uniform(rng, 0.93, 1.06),
        waves=_waves(rng, 4, rng.uniform(0.004, 0.03), 2.5),
        edge=round(float(0.006 * 10 ** rng.uniform(0, 1)), 5),
        inset=_uniform(rng, 0, 1),
        ratio=float(settings.ratios[int(rng.integers(len(settings.ratios)))]),
        changed="target" if settings.either and rng.random() < 0.5 else "source",
        look=_draw_look(rng, severity, settings.textures),
        shift=(_spread(rng, 0.04 * severity), _spread(rng, 0.02 * severity)),
        scale=round(float(np.exp(rng.uniform(-0.05, 0.05) * severity)), 5),
        turn=_spread(rng, 2.0 * severity),
        bend=_waves(rng, 3, 0.012 * severity, 1.4) if rng.random() < 0.5 else (),
        shared=_draw_shared(rng) if settings.degrade else None,
    )


def _draw_look(rng: np.random.Generator, severity: float, textures: tuple[str, ...]) -> Look:
    """Colours most of the time, texture always: a copy that differs in nothing would be no fake."""

    def sometimes(chance: float, reach: float) -> float:
        return _spread(rng, reach * severity) if rng.random() < chance else 0.0

    shares = np.array([TEXTURES[name][0] for name in textures])
    texture = textures[int(rng.choice(len(shares), p=shares / shares.sum()))]
    _, least, most = TEXTURES[texture]
    shift = rng.uniform(-20, 20, 3) * severity if rng.random() < 0.35 else np.zeros(3)
    return Look(
        shift=(round(float(shift[0]), 3), round(float(shift[1]), 3), round(float(shift[2]), 3)),
        contrast=round(1 + sometimes(0.5, 0.18), 5),
        brightness=sometimes(0.5, 18),
        gamma=round(float(np.exp(sometimes(0.3, 0.2))), 5),
        saturation=round(1 + sometimes(0.5, 0.3), 5),
        hue=sometimes(0.4, 7),
        shade=(sometimes(0.3, 0.25), sometimes(0.3, 0.25)),
        texture=texture,
        amount=round(float(least + (most - least) * min(1.0, rng.uniform(0.25, 1) * severity)), 5),
        noise_seed=int(rng.integers(2**31)),
        jpeg=int(rng.integers(35, 76)) if rng.random() < 0.1 else 0,
    )


def _draw_shared(rng: np.random.Generator) -> Look:
    """A mild change of colours, and JPEG at 40 to 100."""

    def sometimes(reach: float) -> float:
        return _spread(rng, reach) if rng.random() < 0.3 else 0.0

    return Look(
        shift=(sometimes(8), sometimes(8), sometimes(8)),
        contrast=round(1 + sometimes(0.2), 5),
        brightness=sometimes(20),
        saturation=round(1 + sometimes(0.3), 5),
        jpeg=int(rng.integers(40, 101)),
    )


def _waves(rng: np.random.Generator, count: int, amplitude: float, finest: float) -> tuple[Wave, ...]:
    """Plane waves of all directions, the finer the lower, together of root mean square ``amplitude``, face units."""
    cycles, heading = rng.uniform(0.5, finest, count), rng.uniform(0, 2 * np.pi, count)
    phase, size = rng.uniform(0, 2 * np.pi, count), rng.standard_normal((2, count)) / cycles
    size *= amplitude / max(float(np.sqrt((size**2).sum() / 2)), 1e-9)
    rows = np.stack([cycles * np.cos(heading), cycles * np.sin(heading), phase, size[0], size[1]], 1).round(5)
    return tuple((float(r[0]), float(r[1]), float(r[2]), float(r[3]), float(r[4])) for r in rows)


def _uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 5)


def _spread(rng: np.random.Generator, reach: float) -> float:
    return round(float(rng.uniform(-reach, reach)), 5)
