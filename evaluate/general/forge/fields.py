"""Where each pixel of a picture is taken from: affine maps, smooth noise, and one face bent over another."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# Points of the mesh that a face is bent by: oval, brows, eyes, nose and lips.
BENT_BY = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
    *(148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
    *(70, 105, 107, 336, 334, 300, 33, 159, 133, 145, 362, 386, 263, 374),
    *(168, 6, 4, 2, 98, 327, 61, 37, 267, 291, 84, 314, 13, 14, 205, 425),
)
COARSE = 40


def unit_grid(side: int, device: torch.device) -> Tensor:
    """Centres of the pixels of a square picture, (side, side, 2), x first."""
    line = (torch.arange(side, device=device, dtype=torch.float32) + 0.5) / side
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], -1)


def sample(picture: Tensor, grid: Tensor, mode: str = "bilinear") -> Tensor:
    """Pixels of (B, C, S, S) at points (B, h, w, 2); beyond the border the nearest."""
    return functional.grid_sample(picture, 2 * grid - 1, mode=mode, padding_mode="border", align_corners=False)


def affine_grid(side: int, turn: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Points (B, side, side, 2) of a picture that is turned (radians), scaled and shifted (units) about its middle."""
    grid = unit_grid(side, turn.device) - 0.5
    cos, sin = (f(turn) * scale for f in (torch.cos, torch.sin))
    matrix = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    return torch.einsum("hwk,bjk->bhwj", grid, matrix) + shift[:, None, None] + 0.5


def moved_points(points: Tensor, turn: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Where points (B, K, 2) of the picture lie after ``affine_grid`` of the same numbers was sampled."""
    cos, sin = (f(turn) / scale for f in (torch.cos, torch.sin))
    matrix = torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], -2)
    return torch.einsum("bnk,bjk->bnj", points - 0.5 - shift[:, None], matrix) + 0.5


def noise(generator: torch.Generator, batch: int, planes: int, side: int, cells: int) -> Tensor:
    """Smooth random fields of about unit spread, (batch, planes, side, side)."""
    coarse = torch.randn(batch, planes, cells, cells, generator=generator, device=generator.device)
    return functional.interpolate(coarse, size=(side, side), mode="bicubic", align_corners=False)


def bent(side: int, to: Tensor, of: Tensor, stiffness: float = 1e-3) -> Tensor:
    """Where each pixel of a face is found in another face: a thin-plate spline between their points.

    Args:
        side: of the picture that is made.
        to, of: (B, K, 2), the same points of the face that is made and of the one that is taken.
        stiffness: of the plate; 0 meets every point.

    Returns:
        (B, side, side, 2). Bookstein, "Principal warps" (1989).
    """
    batch, count = to.shape[:2]
    ones = torch.ones(batch, count, 1, device=to.device)
    flat = torch.cat([ones, to], 2)
    left = torch.cat([_plate(torch.cdist(to, to)) + stiffness * torch.eye(count, device=to.device), flat], 2)
    below = torch.cat([flat.mT, torch.zeros(batch, 3, 3, device=to.device)], 2)
    right = torch.cat([of, torch.zeros(batch, 3, 2, device=to.device)], 1)
    weights = torch.linalg.solve(torch.cat([left, below], 1), right)
    grid = unit_grid(COARSE, to.device).reshape(1, -1, 2).expand(batch, -1, -1)
    basis = torch.cat([_plate(torch.cdist(grid, to)), torch.ones_like(grid[..., :1]), grid], 2)
    found = (basis @ weights).reshape(batch, COARSE, COARSE, 2).permute(0, 3, 1, 2)
    # Displacements, which bend far less than places do, are what is brought to full size.
    away = found - unit_grid(COARSE, to.device).permute(2, 0, 1)
    away = functional.interpolate(away, size=(side, side), mode="bicubic", align_corners=False)
    return (away + unit_grid(side, to.device).permute(2, 0, 1)).permute(0, 2, 3, 1)


def _plate(distance: Tensor) -> Tensor:
    squared = distance.square()
    return 0.5 * squared * torch.log(squared + 1e-9)
