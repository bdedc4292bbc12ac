"""Pairs for one step: real faces of the bank and their swaps, filmed and encoded alike, cut as scoring cuts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from evaluate.general.bank import BELOW, FaceCanvases
from evaluate.general.bank import COVERAGE as STORED
from evaluate.general.forge import codecs, copies, fields, outlines, textures
from evaluate.general.forge.textures import chosen

# What is set into a face: another person's, another picture of the same person, the same face bent and tinted; any of
# them may go through an autoencoder first.
KINDS = ("other", "again", "self")
KIND_SHARES = (0.5, 0.15, 0.35)
COPIED = 0.55
# Swaps are made at the clip's own size, and clips are made smaller on their way.
MADE_AT, MADE_AT_SHARES = (1.0, 1.5, 2.0, 3.0), (0.4, 0.2, 0.25, 0.15)
# Sides of the working picture, pixels: faces of 50 to 165. The encoder comes at that size.
SIDES = tuple(range(96, 321, 16))
CLASSES = {"clip": 0.5, "picture": 0.36, "grey": 0.14}
CANDIDATES = 80
# Among candidates the donor is one of the few that are nearest in shape, expression and colour.
NEAREST, COLOUR_WEIGHT = 4, 0.35
NATIVE_AT_LEAST = 0.82


@dataclass(frozen=True)
class Drawn:
    """A batch on the device: B swaps, then their B originals.

    Attributes:
        images: (2B, 3, S, S) in [0, 1].
        masks: (2B, S, S), the swap masks; zero for originals.
        kinds: of each swap, a word.
    """

    images: Tensor
    masks: Tensor
    kinds: list[str]


@dataclass
class Forge:
    """Draws batches from a bank of faces.

    Attributes:
        bank: whose pixels lie on the device.
        pool: int (N,), donors are taken from the target's own pool of people; -1 for faces that are not used.
        copiers: autoencoders, may be empty.
        size, coverage: of the detector's crop.
    """

    bank: FaceCanvases
    pool: np.ndarray
    device: torch.device
    size: int
    coverage: float
    pixels: Tensor
    copiers: Sequence[nn.Module] = ()
    _planes: Tensor = field(init=False)
    _points: Tensor = field(init=False)

    def __post_init__(self) -> None:
        planes = np.stack([outlines.outlines_of(marks) for marks in self.bank.landmarks])
        self._planes = torch.from_numpy(planes).to(self.device)
        self._points = torch.from_numpy(self.bank.landmarks[:, list(fields.BENT_BY)]).to(self.device)
        kind = np.where(self.bank.grey, "grey", np.where(self.bank.clip != "", "clip", "picture"))
        _, person, count = np.unique(self.bank.person, return_inverse=True, return_counts=True)
        share = np.zeros(len(self.bank))
        for name, part in CLASSES.items():
            own = (kind == name) & (self.pool >= 0)
            if own.any():
                # People of many pictures come more often than others, but not as often as they have pictures.
                weight = 1 / np.sqrt(count[person][own])
                share[own] = part * weight / weight.sum()
        self._share = share
        middle = slice(int(0.38 * self.pixels.shape[-1]), int(0.68 * self.pixels.shape[-1]))
        colour = torch.stack([one[:, middle, middle].float().mean((1, 2)) for one in self.pixels]).cpu().numpy() / 255
        marks = self.bank.landmarks[:, list(fields.BENT_BY)].reshape(len(self.bank), -1)
        self._looks = np.concatenate([marks / np.sqrt(marks.shape[1] / 2) * 6, COLOUR_WEIGHT * colour], 1)

    # -- who -----------------------------------------------------------------------------------------------------------

    def people(
        self, rng: np.random.Generator, count: int, side: int, pool: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Targets, donors and kinds, (count,) each, of a pool of people, for pictures of ``side`` pixels."""
        bank, inside = self.bank, self.pool == pool
        share = self._share * inside
        fine = share * (bank.native >= NATIVE_AT_LEAST * side)
        # A small pool may hold no face of that many pixels; then its largest have to do.
        share = fine if fine.any() else share * (bank.native == bank.native[inside].max())
        targets = rng.choice(len(bank), count, p=share / share.sum())
        kinds = rng.choice(len(KINDS), count, p=KIND_SHARES)
        donors = targets.copy()
        could = np.flatnonzero(inside & (bank.native >= min(0.65 * side, bank.native[inside].max())))
        for row, target in enumerate(targets):
            if KINDS[kinds[row]] == "self":
                continue
            if KINDS[kinds[row]] == "again":
                own = could[(bank.person[could] == bank.person[target]) & (could != target)]
                some = rng.choice(own, min(6, len(own)), replace=False) if len(own) else own
            else:
                some = rng.choice(could, min(CANDIDATES, len(could)), replace=False)
                some = some[(bank.person[some] != bank.person[target]) & (bank.grey[some] == bank.grey[target])]
            if not len(some):
                kinds[row] = KINDS.index("self")
                continue
            away = np.square(self._looks[some] - self._looks[target]).sum(1)
            donors[row] = some[rng.choice(np.argsort(away)[:NEAREST])]
        return targets, donors, kinds

    # -- one group -----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def group(self, count: int, seed: Sequence[int], pool: int = 0) -> Drawn:
        """``count`` pairs of a pool's people, of one working size; all randomness comes from ``seed``."""
        rng = np.random.default_rng(list(seed))
        generator = torch.Generator(self.device).manual_seed(int(rng.integers(2**62)))
        side = int(SIDES[int(np.floor(len(SIDES) * rng.random() ** 1.25))])
        made_at = int(min(320, 16 * round(side * rng.choice(MADE_AT, p=MADE_AT_SHARES) / 16)))
        targets, donors, kinds = self.people(rng, count, side, pool)
        draw = _Draw(rng, generator, count, self.device)

        turn = draw.normal() * 0.1 * draw.flag(0.6)
        scale, shift = torch.ones(count, device=self.device), torch.zeros(count, 2, device=self.device)
        grid = fields.affine_grid(made_at, turn, scale, shift)

        def canvas(rows: np.ndarray) -> Tensor:
            return textures.resized(self.pixels[torch.from_numpy(rows).to(self.device)].float() / 255, made_at)

        flat = canvas(targets)
        kind = torch.from_numpy(kinds).to(self.device)
        source = self._source(flat, canvas(donors), targets, donors, kind, draw)
        where = (turn != 0)[:, None, None, None]
        image = torch.where(where, fields.sample(flat, grid, "bicubic").clamp(0, 1), flat)
        source = torch.where(where, fields.sample(source, grid, "bicubic").clamp(0, 1), source)
        image = _history(image, draw)
        source = _left_by_models(source, image, draw)

        shapes = torch.from_numpy(rng.choice(len(outlines.SHAPES), count, p=outlines.SHARES)).to(self.device)
        planes = self._planes[torch.from_numpy(targets).to(self.device), shapes]
        planes = outlines.moved_planes(planes, turn, scale, shift)
        mask = outlines.soft_masks(planes, shapes, made_at, 1 / STORED, generator)
        fake = image + mask * (source - image)

        real, fake, mask = (textures.resized(p, side) for p in (image, fake, mask))
        both = torch.cat([fake, real]).clamp(0, 1)
        grey = torch.from_numpy(self.bank.grey[targets]).to(self.device).repeat(2)
        both = chosen(grey, both.mean(1, keepdim=True), both)
        both = _encoded(_filmed(both, draw), draw)
        cut = self._framing(side, turn, draw)
        images = fields.sample(both, cut.repeat(2, 1, 1, 1), "bicubic").clamp(0, 1)
        masks = fields.sample(mask, cut)[:, 0].clamp(0, 1)
        images = (255 * images).round() / 255
        names = [KINDS[k] for k in kinds]
        return Drawn(images, torch.cat([masks, torch.zeros_like(masks)]), names)

    def _framing(self, side: int, turn: Tensor, draw: _Draw) -> Tensor:
        """Where the detector's crop lies in the picture: turned back upright, a little off, half of them mirrored."""
        off = draw.uniform(-0.09, 0.09)
        wide = self.coverage / STORED * torch.exp(draw.normal() * 0.05)
        middle = torch.tensor([[[0.5, 0.5 + BELOW]]], device=self.device).repeat(draw.count, 1, 1)
        zero = torch.zeros_like(turn)
        centre = fields.moved_points(middle, turn, torch.ones_like(turn), torch.stack([zero, zero], 1))[:, 0] - 0.5
        shift = centre + torch.stack([draw.uniform(-0.02, 0.02), draw.uniform(-0.02, 0.02)], 1)
        grid = fields.affine_grid(self.size, off - turn, wide, shift)
        mirrored = draw.flag(0.5)[:, None, None, None]
        return torch.where(mirrored > 0, grid.flip(2), grid)

    def _source(
        self, flat: Tensor, given: Tensor, targets: np.ndarray, donors: np.ndarray, kind: Tensor, draw: _Draw
    ) -> Tensor:
        """The face that is set in, at the target's place and in its colours."""
        side = flat.shape[-1]
        rows = [torch.from_numpy(r).to(self.device) for r in (targets, donors)]
        to, of = self._points[rows[0]], self._points[rows[1]]
        own = (kind == KINDS.index("self"))[:, None, None, None]
        laid = fields.sample(given, fields.bent(side, to, of))
        bend = draw.uniform(0.0015, 0.010)[:, None, None, None] / 1.4
        moved = fields.affine_grid(
            side,
            0.02 * draw.normal(),
            1 + 0.015 * draw.normal(),
            0.006 * torch.stack([draw.normal(), draw.normal()], 1),
        )
        moved = moved + bend * fields.noise(draw.generator, draw.count, 2, side, 5).permute(0, 2, 3, 1)
        source = torch.where(own, fields.sample(flat, moved, "bicubic").clamp(0, 1), laid)
        if self.copiers:
            copier = self.copiers[int(draw.rng.integers(len(self.copiers)))]
            through = draw.flag(COPIED) > 0
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda"):
                copy = copier(copies.aligned_crop(source)).float()
            source = chosen(through, copies.laid_back(copy, side), source)
        inside = (outlines.distance(self._planes[rows[0], 0], side) < 0)[:, None].float()
        share = torch.where(draw.flag(0.75) > 0, draw.uniform(0.75, 1.0), draw.uniform(0.3, 0.75))
        matched = _matched(source, flat, inside)
        source = source + share[:, None, None, None] * (matched - source)
        shade = 1 + draw.uniform(0, 0.06)[:, None, None, None] * fields.noise(draw.generator, draw.count, 1, side, 4)
        amount = torch.exp(draw.uniform(0.2, 2.3))[:, None, None, None] / 255 * draw.flag(0.8)[:, None, None, None]
        tint = amount * torch.randn(draw.count, 3, 1, 1, generator=draw.generator, device=self.device)
        return (source * shade + tint).clamp(0, 1)


def joined(parts: Sequence[Drawn]) -> Drawn:
    """Groups as one batch, swaps first."""
    half = [len(p.kinds) for p in parts]
    both = [
        torch.cat([*(x[:n] for x, n in zip(own, half, strict=True)), *(x[n:] for x, n in zip(own, half, strict=True))])
        for own in ([p.images for p in parts], [p.masks for p in parts])
    ]
    return Drawn(both[0], both[1], [kind for p in parts for kind in p.kinds])


class _Draw:
    """Numbers for a group, one a picture."""

    def __init__(self, rng: np.random.Generator, generator: torch.Generator, count: int, device: torch.device) -> None:
        self.rng, self.generator, self.count, self.device = rng, generator, count, device

    def uniform(self, low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(self.count, generator=self.generator, device=self.device)

    def normal(self) -> Tensor:
        return torch.randn(self.count, generator=self.generator, device=self.device)

    def flag(self, chance: float) -> Tensor:
        return (torch.rand(self.count, generator=self.generator, device=self.device) < chance).float()


def _matched(source: Tensor, image: Tensor, inside: Tensor) -> Tensor:
    """Mean and spread of each colour brought to those of the image inside the face (Reinhard et al., 2001, in RGB)."""
    total = inside.sum((2, 3), keepdim=True).clamp_min(1)

    def moments(x: Tensor) -> tuple[Tensor, Tensor]:
        mean = (x * inside).sum((2, 3), keepdim=True) / total
        return mean, (((x - mean) * inside).square().sum((2, 3), keepdim=True) / total + 1e-6).sqrt()

    (have, have_spread), (want, want_spread) = moments(source), moments(image)
    return (source - have) * (want_spread / have_spread).clamp(0.5, 2) + want


def _history(image: Tensor, draw: _Draw) -> Tensor:
    """What the original itself has been through before anyone swapped it: half are left as they are."""
    side = image.shape[-1]
    way = int(draw.rng.integers(10))
    which = draw.flag(0.8) > 0
    if way == 0:
        return chosen(which, textures.blurred(image, draw.uniform(0.35, 1.3)), image)
    if way == 1:
        return chosen(which, textures.fewer(image, int(side * draw.rng.uniform(0.45, 0.9))), image)
    if way == 2:
        return chosen(which, textures.smoothed(image, draw.uniform(0.01, 0.06)), image)
    if way == 3:
        sharp = textures.sharpened(image, draw.uniform(0.3, 1.5), draw.uniform(0.7, 1.6))
        return chosen(which, sharp.clamp(0, 1), image)
    if way == 4:
        return codecs.jpeg(image, draw.uniform(45, 98))
    if way == 5:
        return _as_video(image, draw.uniform(18, 34), draw)
    return image


def _left_by_models(source: Tensor, image: Tensor, draw: _Draw) -> Tensor:
    """What a swap model leaves of fine detail, or adds to it."""
    face = source.shape[-1] / STORED
    held = draw.rng.uniform(50, 230)
    if held < face:
        source = chosen(draw.flag(0.45) > 0, textures.fewer(source, int(held * STORED)), source)
    source = chosen(draw.flag(0.25) > 0, textures.blurred(source, draw.uniform(0.3, 1.4)), source)
    source = chosen(draw.flag(0.3) > 0, textures.smoothed(source, draw.uniform(0.008, 0.05)), source)
    sharp = textures.sharpened(source, draw.uniform(0.2, 1.6), draw.uniform(0.7, 2.2)).clamp(0, 1)
    source = chosen(draw.flag(0.35) > 0, sharp, source)
    grain = torch.randn(source.shape[0], 1, *source.shape[2:], generator=draw.generator, device=draw.device)
    strength = (torch.exp(draw.uniform(-0.7, 1.6)) / 255 * draw.flag(0.15))[:, None, None, None]
    return (source + strength * grain).clamp(0, 1)


def _filmed(both: Tensor, draw: _Draw) -> Tensor:
    """Contrast, brightness, colours and grain, the same for a swap and its original."""

    def twice(x: Tensor) -> Tensor:
        return x.repeat(2)[:, None, None, None]

    some = draw.flag(0.7)
    gamma = twice(torch.exp(0.25 * draw.normal().clamp(-2, 2) * some))
    contrast = twice(1 + draw.uniform(-0.22, 0.22) * some)
    bright = twice(draw.uniform(-0.1, 0.1) * some)
    tint = (0.02 * torch.randn(draw.count, 3, generator=draw.generator, device=draw.device) * some[:, None]).repeat(
        2, 1
    )
    colour = twice(torch.where(draw.flag(0.06) > 0, torch.zeros_like(some), 1 + draw.uniform(-0.45, 0.4) * some))
    both = both.clamp_min(1e-4) ** gamma
    grey = (both * torch.tensor([0.299, 0.587, 0.114], device=both.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    both = (grey + (both - grey) * colour - 0.5) * contrast + 0.5 + bright + tint[:, :, None, None]
    shape = (draw.count, 1, *both.shape[2:])
    grain = torch.randn(shape, generator=draw.generator, device=draw.device).repeat(2, 1, 1, 1)
    strength = twice(torch.exp(draw.uniform(-0.7, 2.0)) / 255 * draw.flag(0.25))
    return (both + strength * grain).clamp(0, 1)


def _as_video(both: Tensor, qp: Tensor, draw: _Draw) -> Tensor:
    """Through the imitated video encoder, on a block grid that lies anywhere."""
    at = tuple(int(v) for v in draw.rng.integers(0, 16, 2))
    step = tuple(int(v) for v in draw.rng.integers(-2, 3, 2))
    rolled = torch.roll(both, at, (2, 3))
    sigma = torch.full((len(both),), float(draw.rng.uniform(0.05, 0.5)), device=both.device)
    before = torch.roll(textures.blurred(rolled, sigma), step, (2, 3))
    back = (-step[0], -step[1])
    made = codecs.video(rolled, before, qp, back, int(draw.rng.choice([4, 8, 8])))
    return torch.roll(made, (-at[0], -at[1]), (2, 3))


def _encoded(both: Tensor, draw: _Draw) -> Tensor:
    """Through one encoder, seldom two, now and then none; swap and original alike."""
    side = both.shape[-1]
    chance = draw.rng.random()
    if chance < 0.68:
        qp = (17 + 20 * draw.uniform(0, 1) ** 1.3).repeat(2)
        both = _as_video(both, qp, draw)
        if draw.rng.random() < 0.2:
            small = int(max(80, 16 * round(side * draw.rng.uniform(0.55, 0.95) / 16)))
            if small < side:
                both = textures.resized(both, small).clamp(0, 1)
            both = _as_video(both, (18 + 14 * draw.uniform(0, 1)).repeat(2), draw)
    elif chance < 0.9:
        at = tuple(int(v) for v in draw.rng.integers(0, 8, 2))
        quality = draw.uniform(40, 98).repeat(2)
        both = torch.roll(codecs.jpeg(torch.roll(both, at, (2, 3)), quality), (-at[0], -at[1]), (2, 3))
    return both
