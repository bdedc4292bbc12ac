"""What encoders leave of a picture, for whole batches at once: JPEG, and an imitation of H.264.

JPEG is the standard's own arithmetic (ITU-T T.81, 4:2:0) without the lossless part. H.264 is imitated by what it does
to pictures: a frame is predicted from the one before, shifted, and the DCT of what is left is quantised with a dead
zone; then the edges of blocks are smoothed where they are weak. Real H.264 is met in calibration and in every
measurement.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
INTRA, INTER = 1 / 3, 1 / 6


def _dct(size: int, device: torch.device) -> Tensor:
    n = torch.arange(size, device=device, dtype=torch.float32)
    found = torch.cos(math.pi * (2 * n[None] + 1) * n[:, None] / (2 * size)) * math.sqrt(2 / size)
    found[0] /= math.sqrt(2)
    return found


def _blocks(plane: Tensor, size: int) -> Tensor:
    """DCT of (B, C, H, W) in blocks: (B, C, H/size, W/size, size, size)."""
    batch, channels, height, width = plane.shape
    cut = plane.reshape(batch, channels, height // size, size, width // size, size).permute(0, 1, 2, 4, 3, 5)
    matrix = _dct(size, plane.device)
    return matrix @ cut @ matrix.T


def _plane(blocks: Tensor) -> Tensor:
    batch, channels, rows, columns, size, _ = blocks.shape
    matrix = _dct(size, blocks.device)
    cut = matrix.T @ blocks @ matrix
    return cut.permute(0, 1, 2, 4, 3, 5).reshape(batch, channels, rows * size, columns * size)


def to_planes(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Luma (B, 1, H, W) and both chromas at half size (B, 2, H/2, W/2), 0..255, chroma about 0 (BT.601, full range)."""
    r, g, b = (255 * picture).unbind(1)
    luma = 0.299 * r + 0.587 * g + 0.114 * b
    chroma = torch.stack([(b - luma) / 1.772, (r - luma) / 1.402], 1)
    return luma[:, None], functional.avg_pool2d(chroma, 2)


def to_picture(luma: Tensor, chroma: Tensor) -> Tensor:
    """The inverse of :func:`to_planes`, rounded to levels of 1/255."""
    chroma = functional.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    y, (cb, cr) = luma[:, 0], chroma.unbind(1)
    rgb = torch.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], 1)
    return rgb.round().clamp(0, 255) / 255


def jpeg(picture: Tensor, quality: Tensor) -> Tensor:
    """Round trip; sides divisible by 16; quality (B,), 1 to 100."""
    factor = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, None, None, None, None, None] / 100
    luma, chroma = to_planes(picture)
    found = []
    for plane, table in ((luma - 128, _LUMA), (chroma, _CHROMA)):
        step = (torch.tensor(table, device=picture.device, dtype=torch.float32) * factor).round().clamp(1, 255)
        found.append(_plane((_blocks(plane, 8) / step).round() * step))
    return to_picture(found[0] + 128, found[1])


def video(picture: Tensor, before: Tensor, qp: Tensor, back: tuple[int, int], size: int) -> Tensor:
    """The last of two frames after an encoder like H.264; sides divisible by 16.

    Args:
        picture, before: (B, 3, H, W), the frame and the one before it.
        qp: (B,), quantiser, 0 to 51.
        back: rows and columns that ``before`` is shifted by to predict ``picture``.
        size: side of the transform, 4 or 8.
    """
    now, then = to_planes(picture), to_planes(before)
    half = (round(back[0] / 2), round(back[1] / 2))
    found = []
    for plane, old, shift, ease in zip(now, then, (back, half), (0.0, 2.0), strict=True):
        own = size if plane.shape[1] == 1 else 4
        step = (2 ** ((qp - 4 - ease) / 6)).clamp_min(0.6)[:, None, None, None, None, None]
        predicted = torch.roll(deblocked(_quantised(old, step, INTRA, own), qp, own), shift, (2, 3))
        left = _quantised(plane - predicted, step, INTER, own)
        found.append(deblocked(predicted + left, qp, own))
    return to_picture(*found)


def _quantised(plane: Tensor, step: Tensor, zone: float, size: int) -> Tensor:
    blocks = _blocks(plane, size)
    level = (blocks.abs() / step + zone).floor()
    return _plane(blocks.sign() * level * step)


def deblocked(plane: Tensor, qp: Tensor, size: int) -> Tensor:
    """Smooth weak steps across the edges of blocks, as the loop filter of H.264 does (ITU-T H.264, 8.7, simplified)."""
    alpha = (0.8 * (2 ** (qp / 6) - 1))[:, None, None, None]
    beta = (0.5 * qp - 7).clamp_min(0)[:, None, None, None]
    most = (0.06 * 2 ** (qp / 6))[:, None, None, None]
    for axis in (3, 2):
        side = plane.shape[axis]
        at = torch.arange(size, side, size, device=plane.device)
        if not len(at):
            continue
        p1, p0, q0, q1 = (plane.index_select(axis, at + k) for k in (-2, -1, 0, 1))
        weak = ((p0 - q0).abs() < alpha) & ((p1 - p0).abs() < beta) & ((q1 - q0).abs() < beta)
        delta = torch.minimum(torch.maximum((4 * (q0 - p0) + p1 - q1) / 8, -most), most) * weak
        plane = plane.index_add(axis, at - 1, delta).index_add(axis, at, -delta)
    return plane
