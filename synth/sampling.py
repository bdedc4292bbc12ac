"""What an autoencoder is shown of one person: its faces at the network's size, prepared, drawn and augmented."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from datasets.facearrays import FaceArrays
from datasets.faces.mask import eye_mouth_mask
from datasets.progress import Progress, counted, silent
from synth.crops import to_tensor
from synth.losses import statistics
from synth.recipe import Recipe
from synth.texture import Texture, likeness, mouth_interior, shrunk, shrunk_points
from synth.warp import jitter_colour, training_sample

# Prepared planes of one person that are kept; of a long clip the rest is made anew whenever it is drawn.
MOST_KEPT_BYTES = 400_000_000
YAW_BINS, YAW_LIMIT = 128, 90.0
Carried = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Sample:
    """Augmented faces of one person, float32 NCHW in [0, 1].

    Attributes:
        x: what the encoder sees, picture and hull (N, 4, S, S).
        y: what is to be made of it, picture and hull (N, 4, S, S).
        detail: eyes and mouth (N, 1, S, S).
        alike: the likeness with its hull (N, 4, S, S), None for a network without.
        swap: of a destination, the source's likeness with these expressions (N, 4, S, S), where it is wanted.
    """

    x: Tensor
    y: Tensor
    detail: Tensor
    alike: Tensor | None = None
    swap: Tensor | None = None


# Degrees: a span of yaw that is no more than one view, and how far beyond the source's views is too far.
NARROW_YAW, BEYOND_YAW = 3.0, 12.0


class Faces:
    """One person's faces as a network of ``recipe.size`` takes them.

    Args:
        faces: crops, of the network's size or larger.
        texture: the person at rest, at the crops' size; None for a network without likeness.
        carried: of a destination whose swaps are judged in training: crop, mask and landmarks at the network's size to
            the source's likeness with that expression.
    """

    def __init__(
        self, faces: FaceArrays, texture: Texture | None, recipe: Recipe, carried: Carried | None = None
    ) -> None:
        self.faces, self.side = faces, recipe.size
        self.recipe, self.carried = recipe, carried
        self.texture = texture.shrunk(self.side) if texture is not None else None
        each = self.side**2 * (5 + 4 * (texture is not None) + 4 * (carried is not None))
        self._kept: list[tuple[np.ndarray, ...]] = []
        self._most = MOST_KEPT_BYTES // each

    def __len__(self) -> int:
        return len(self.faces)

    def prepare(self, who: str, progress: Progress = silent) -> None:
        """Make the planes of as many faces as are kept."""
        count = min(len(self), self._most)
        for index in counted(range(count), f"preparing the {who}'s faces", count, progress):
            self._kept.append(self._made(index))

    def points(self, index: int) -> np.ndarray:
        """The face's landmarks in the network's pixels, float32 (478, 2)."""
        return shrunk_points(self.faces.landmarks[index], self.faces.size, self.side)

    def picture(self, index: int) -> np.ndarray:
        """Picture and hull, uint8 (S, S, 4)."""
        both = (shrunk(part[index], self.side) for part in (self.faces.images, self.faces.masks))
        return np.dstack(list(both))

    def given(self, index: int) -> np.ndarray:
        """The inside of the mouth, which a network with likeness is given, float32 (S, S) in [0, 1]."""
        return mouth_interior(self.points(index), self.side)

    def _made(self, index: int) -> tuple[np.ndarray, ...]:
        points, picture = self.points(index), self.picture(index)
        planes = [picture, np.rint(eye_mouth_mask(points, (self.side, self.side)) * 255).astype(np.uint8)]
        if self.texture is not None:
            planes.append(likeness(self.texture, points, Texture(np.ascontiguousarray(picture[..., :3]), points)))
        if self.carried is not None:
            planes.append(self.carried(np.ascontiguousarray(picture[..., :3]), picture[..., 3], points))
        return tuple(planes)

    def planes(self, index: int) -> tuple[np.ndarray, ...]:
        """Picture with hull, eyes and mouth, and where there is one the likeness and the carried one: uint8."""
        return self._kept[index] if index < len(self._kept) else self._made(index)

    def alike(self, index: int) -> np.ndarray | None:
        """The likeness with its hull, uint8 (S, S, 4), or None."""
        return self.planes(index)[2] if self.texture is not None else None

    def draw(self, rng: np.random.Generator, chosen: np.ndarray, warp: float) -> Sample:
        """Samples of the chosen faces, posed, warped (the input alone) and changed in colour (the input alone)."""
        made = [training_sample(rng, self.planes(i), warp, 1.0) for i in chosen]
        x = to_tensor(np.stack([m[0] for m in made]))
        y, detail, *rest = (
            to_tensor(np.stack([m[1][plane] for m in made]).reshape(len(made), self.side, self.side, -1))
            for plane in range(len(made[0][1]))
        )
        gain, offset = (torch.from_numpy(a)[..., None, None] for a in jitter_colour(rng, len(made)))
        x[:, :3] = (x[:, :3] * gain + offset).clamp(0, 1)
        alike = rest.pop(0) if self.texture is not None else None
        return Sample(x, y, detail, alike, rest.pop(0) if rest else None)


def yaw_weights(yaw: np.ndarray) -> np.ndarray:
    """The chance of each face (N,) so that every bin of yaw that holds any is drawn as often; sums to 1.

    Args:
        yaw: degrees (N,); a face without a number counts as looking ahead.
    """
    known = np.clip(np.nan_to_num(yaw.astype(np.float64)), -YAW_LIMIT, YAW_LIMIT - 1e-6)
    bins = ((known + YAW_LIMIT) * YAW_BINS / (2 * YAW_LIMIT)).astype(int)
    weights = 1 / np.bincount(bins, minlength=YAW_BINS)[bins]
    return weights / weights.sum()


def mirrored(rng: np.random.Generator, sample: Sample) -> Sample:
    """Half of the samples mirrored, all their planes alike."""
    turned = torch.from_numpy(rng.random(len(sample.x)) < 0.5)[:, None, None, None]

    def turn(planes: Tensor | None) -> Tensor | None:
        return None if planes is None else torch.where(turned, planes.flip(3), planes)

    parts: dict[str, Any] = {name: turn(getattr(sample, name)) for name in ("x", "y", "detail", "alike", "swap")}
    return replace(sample, **parts)


def recoloured(rng: np.random.Generator, sample: Sample, other: Sample) -> Sample:
    """Half of the samples with the colours of faces of the other person: mean and deviation of each channel (hull).

    Input, target and likeness change alike (Reinhard et al. 2001, in RGB), so that the network learns to keep the
    light of what it sees.
    """
    share = torch.from_numpy(rng.random(len(sample.x)) < 0.5)[:, None, None, None]
    pick = torch.from_numpy(rng.integers(0, len(other.x), len(sample.x)))
    mean, deviation = statistics(sample.y[:, :3], sample.y[:, 3:])
    wanted, spread = (part[pick] for part in statistics(other.y[:, :3], other.y[:, 3:]))
    gain = (spread / deviation.clamp(min=1e-3)).clamp(0.5, 2.0)

    def change(planes: Tensor | None) -> Tensor | None:
        if planes is None:
            return None
        colours = ((planes[:, :3] - mean) * gain + wanted).clamp(0, 1)
        return torch.cat([torch.where(share, colours, planes[:, :3]), planes[:, 3:]], 1)

    parts: dict[str, Any] = {name: change(getattr(sample, name)) for name in ("x", "y", "alike")}
    return replace(sample, **parts)


def resized(mask: np.ndarray, side: int) -> np.ndarray:
    """A float32 mask (S, S) at another size."""
    return mask if mask.shape[0] == side else cv2.resize(mask, (side, side), interpolation=cv2.INTER_LINEAR)


def one_sided(faces: Mapping[str, FaceArrays]) -> list[str]:
    """What to say where a person's faces all look one way, or the destination turns where the source never does."""
    said: list[str] = []
    spans: dict[str, tuple[float, float]] = {}
    for who, those in faces.items():
        known = those.angles[np.isfinite(those.angles[:, 0]), 0]
        if not len(known):
            return said
        low, high = (float(v) for v in np.percentile(known, (5, 95)))
        spans[who] = (low, high)
        if high - low < NARROW_YAW:
            said.append(
                f"All faces of the {who} look the same way (yaw {low:.0f} to {high:.0f} degrees); other views of that "
                "face are not learned."
            )
    (low, high), (wanted_low, wanted_high) = spans["source"], spans["destination"]
    if wanted_low < low - BEYOND_YAW or wanted_high > high + BEYOND_YAW:
        said.append(
            f"The destination turns from {wanted_low:.0f} to {wanted_high:.0f} degrees and the source only from "
            f"{low:.0f} to {high:.0f}: beyond that the swap is a guess. A source that turns as far would help."
        )
    return said
