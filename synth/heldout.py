"""How far a training is, on faces that it does not train on: a figure, and a contact sheet to look at."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from synth.crops import face_ssim, network_input, to_tensor
from synth.objective import PEOPLE
from synth.sampling import Carried, Faces

MOST_MEASURED, TOGETHER = 64, 16


def laid_out(pictures: list[np.ndarray], device: str) -> Tensor:
    """uint8 pictures (S, S, C) as one float32 batch in [0, 1], channels last, on the device."""
    return to_tensor(np.stack(pictures)).to(device).contiguous(memory_format=torch.channels_last)


def _alike(faces: Faces, index: np.ndarray, device: str) -> Tensor | None:
    if faces.texture is None:
        return None
    return laid_out([faces.planes(i)[2] for i in index], device)


@torch.no_grad()
def held_out_ssim(network: nn.Module, who: str, faces: Faces, index: np.ndarray, device: str) -> float:
    """Mean SSIM of reconstructions over the hull less the inside of the mouth, of at most ``MOST_MEASURED`` faces.

    A network with likeness is given the inside of the mouth, so it does not count; nor does it for the others, so that
    their figures compare.
    """
    total = 0.0
    index = index[:: max(1, len(index) // MOST_MEASURED)]
    # A few at a time: at 256 pixels all of them together would take gigabytes.
    for some in np.array_split(index, -(-len(index) // TOGETHER)):
        x = laid_out([faces.picture(i) for i in some], device)
        made, _ = network(network_input(x), _alike(faces, some, device), who)
        given = torch.from_numpy(np.stack([faces.given(i) for i in some]))[:, None].to(device)
        total += len(some) * face_ssim(made.float(), x[:, :3], x[:, 3:] * (1 - given))
    return total / len(index)


@torch.no_grad()
def contact_sheet(
    network: nn.Module,
    faces: Mapping[str, Faces],
    held: Mapping[str, np.ndarray],
    carry: Carried | None,
    device: str,
    rows: int = 4,
) -> np.ndarray:
    """Each row a source face, its reconstruction, a destination face, its reconstruction, and the swap: uint8 RGB.

    Args:
        held: indices of the faces to choose from, by role.
        carry: the source's likeness for a destination face at the network's size; None for a network without.
    """
    pictures = []
    for row in range(rows):
        line: list[Tensor] = []
        for who in PEOPLE:
            at = held[who][row * (len(held[who]) - 1) // max(1, rows - 1)]
            seen = faces[who].picture(at)
            x = laid_out([seen], device)
            line += [x[:, :3], network(network_input(x), _alike(faces[who], np.array([at]), device), who)[0]]
        alike = None
        if carry:
            alike = laid_out([carry(np.ascontiguousarray(seen[..., :3]), seen[..., 3], faces[who].points(at))], device)
        line.append(network(network_input(x), alike, "source")[0])
        pictures.append(torch.cat(line, 3))
    sheet = torch.cat(pictures, 2)[0].permute(1, 2, 0)
    return np.rint(sheet.clamp(0, 1).float().cpu().numpy() * 255).astype(np.uint8)
