"""A small network that makes an assembled face right, taught by the person's own frames.

Two frames of one person: the first is driven to the expression of the second (``synth.assembling``), and the second is
what it should have become. What the network learns from such pairs (where teeth and lids go, which folds come and go,
that spectacles stay) it then applies to expressions that the person was never seen to make.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from datasets.errors import Interrupted
from datasets.facearrays import FaceArrays
from datasets.interrupt import StopRequested
from datasets.progress import Progress
from synth.assembling import Assembled, Assembler
from synth.losses import dssim, gaussian_window
from synth.networks import Residual, conv
from synth.texture import shrunk
from synth.warp import jitter_colour, training_sample

PLANES = 8
# The library must not hold the answer: it gives nothing from this long around the frame that is to be made, seconds.
AROUND = 0.4
PARTNERS, MOST_PAIRS = 3, 600


class Refiner(nn.Module):
    """Base, own frame, holes and mask (N, 8, S, S) to a change of the base (N, 3, S, S), nothing outside the mask."""

    def __init__(self, widths: tuple[int, int, int] = (40, 64, 96)) -> None:
        super().__init__()
        first, second, third = widths
        act = nn.LeakyReLU(0.1)
        self.enter = nn.Sequential(nn.PixelUnshuffle(4), conv(16 * PLANES, first), act)
        self.down = nn.Sequential(conv(first, second, 2), act, Residual(second))
        self.deep = nn.Sequential(conv(second, third, 2), act, Residual(third), conv(third, second * 4), act)
        self.rise = nn.PixelShuffle(2)
        self.join = nn.Sequential(conv(second * 2, first * 4), act, nn.PixelShuffle(2))
        change = conv(first * 2, 48)
        with torch.no_grad():
            change.weight.mul_(0.1)
        self.leave = nn.Sequential(change, nn.PixelShuffle(4))

    def forward(self, x: Tensor) -> Tensor:
        wide = self.enter(x - 0.5)
        middle = self.down(wide)
        deep = self.rise(self.deep(middle))
        change = self.leave(torch.cat([wide, self.join(torch.cat([middle, deep], 1))], 1))
        return change.float() * x[:, 7:]


def network_planes(made: Assembled, side: int) -> np.ndarray:
    """What the network sees of an assembled face: uint8 (side, side, 8): base, own, holes, mask."""
    planes = [shrunk(plane, side) for plane in (made.base, made.own, made.hidden, made.mask)]
    return np.rint(np.clip(np.dstack(planes), 0, 1) * 255).astype(np.uint8)


def pairs_of(count: int, rng: np.random.Generator, most: int = MOST_PAIRS) -> np.ndarray:
    """Which frame is driven to which: int (P, 2), every frame as a goal as evenly as ``most`` allows."""
    goals = np.concatenate([rng.permutation(count) for _ in range(PARTNERS)])[:most]
    return np.column_stack([rng.integers(0, count, len(goals)), goals])


def assembled_pairs(
    faces: FaceArrays, pairs: np.ndarray, assembler: Assembler, side: int, progress: Progress, step: str
) -> tuple[np.ndarray, np.ndarray]:
    """For each pair (from, to) what the network sees, uint8 (P, side, side, 8), and the truth, uint8 (..., 3).

    Raises:
        Interrupted: Ctrl-C.
    """
    seen = np.empty((len(pairs), side, side, PLANES), np.uint8)
    truth = np.empty((len(pairs), side, side, 3), np.uint8)
    with StopRequested() as stop:
        for at, (start, goal) in enumerate(pairs):
            away = (float(faces.times[goal]) - AROUND, float(faces.times[goal]) + AROUND)
            own, wanted = faces.landmarks[start], faces.landmarks[goal]
            made = assembler.assemble(faces.images[start], own, wanted, whole=True, without=away)
            seen[at], truth[at] = network_planes(made, side), shrunk(faces.images[goal], side)
            progress(step, at + 1, len(pairs))
            if stop.now:
                raise Interrupted("Stopped while the faces were prepared; the same command starts that again.")
    return seen, truth


def batch_of(rng: np.random.Generator, seen: np.ndarray, truth: np.ndarray, count: int) -> tuple[Tensor, Tensor]:
    """A batch of pairs, turned and shifted a little and in other colours: float32 (N, 8, S, S) and (N, 3, S, S)."""
    inputs, targets = [], []
    for at in rng.integers(0, len(seen), count):
        planes = (seen[at, ..., :3], seen[at, ..., 3:6], np.dstack([seen[at, ..., 6:], seen[at, ..., 7:]]), truth[at])
        _, same = training_sample(rng, tuple(np.ascontiguousarray(p) for p in planes), 0.0, 0.7)
        inputs.append(np.dstack([same[0], same[1], same[2][..., :2]]))
        targets.append(same[3])
    x, y = (torch.from_numpy(np.stack(a)).permute(0, 3, 1, 2).float().div_(255) for a in (inputs, targets))
    gain, offset = (torch.from_numpy(a)[..., None, None] for a in jitter_colour(rng, count))
    for part in (x[:, :3], x[:, 3:6], y):
        part.mul_(gain).add_(offset).clamp_(0, 1)
    return x.contiguous(), y.contiguous()


def refining_loss(change: Tensor, x: Tensor, truth: Tensor) -> Tensor:
    """DSSIM and L1 in the driven parts, the holes counting more; both per driven pixel."""
    mask, hole = x[:, 7:], x[:, 6:7]
    made = x[:, :3] + change
    share = mask.mean().clamp_min(1e-3)
    error = (made - truth).abs() * (mask + 2 * hole)
    alike = dssim(made * mask, truth * mask, gaussian_window(9, 1.5))
    return 4 * alike / share + 6 * error.mean() / share


@torch.no_grad()
def refine(network: nn.Module, made: list[Assembled], side: int, device: str) -> list[np.ndarray]:
    """The assembled faces with the network's change, at their own size: float32 RGB (S, S, 3) in [0, 1] each.

    The change is made at ``side`` pixels; what is finer stays as it was assembled.
    """
    x = torch.from_numpy(np.stack([network_planes(one, side) for one in made])).permute(0, 3, 1, 2).float().div_(255)
    changes = network(x.to(device).contiguous(memory_format=torch.channels_last)).permute(0, 2, 3, 1).cpu().numpy()
    out = []
    for one, change in zip(made, changes, strict=True):
        size = one.base.shape[:2]
        large = cv2.resize(np.ascontiguousarray(change), size, interpolation=cv2.INTER_CUBIC)
        out.append(np.clip(one.base + large, 0, 1))
    return out
