"""What an autoencoder's step is judged by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from synth.adversary import judged
from synth.crops import network_input
from synth.hardware import full_precision
from synth.losses import face_dssim, style_loss
from synth.recipe import Recipe
from synth.sampling import Sample

PEOPLE = ("source", "destination")


@dataclass(frozen=True)
class Batch:
    """Faces of one step.

    Attributes:
        people: by role.
        late: how far the late losses are in, 0 to 1 (``Recipe.lateness``).
    """

    people: Mapping[str, Sample]
    late: float


class Objective:
    """The losses of a recipe: called with a batch, it gives (loss, figures), or with an adversary a loss for each part.

    10 DSSIM + 10 squared error inside the hull + 10 squared error of the mask + the absolute error at eyes and mouth,
    for each person; late in the training also, where the recipe wants them, that the adversary takes the source's faces
    for real, and that a swap has the colours of the face it stands for.

    Args:
        network: called with faces of both people stacked, see ``synth.architectures.Pair``.
        adversary: the network that tells real from made, or None.
    """

    def __init__(
        self, network: Callable[..., Any], recipe: Recipe, device: str, adversary: nn.Module | None = None
    ) -> None:
        self.network, self.recipe, self.device, self.adversary = network, recipe, device, adversary

    def __call__(self, batch: Batch) -> tuple[Tensor | dict[str, Tensor], dict[str, float]]:
        samples = [batch.people[who] for who in PEOPLE]
        style = self.recipe.style * batch.late
        swap = samples[1].swap if self.recipe.likeness else samples[1].y
        x = network_input(self._moved(torch.cat([s.x for s in samples])))
        alike = torch.cat([s.alike for s in samples]) if self.recipe.likeness else None  # type: ignore[misc]
        made = self.network(
            x.contiguous(memory_format=torch.channels_last), self._laid(alike), self._laid(swap if style else None)
        )
        figures, total, truths = {}, torch.zeros((), device=x.device), []
        for who, sample, (face, mask) in zip(PEOPLE, samples, made, strict=False):
            truth, detail = self._moved(sample.y), self._moved(sample.detail)
            with full_precision(self.device):
                loss = self._likeness(face.float(), mask.float(), truth, detail)
            figures[f"loss_{who}"] = float(loss.detach())
            total = total + loss / 2
            truths.append(truth)
        if style:
            with full_precision(self.device):
                loss = style * style_loss(made[2][0].float(), truths[1][:, :3], truths[1][:, 3:])
            figures["loss_style"] = float(loss.detach())
            total = total + loss
        if self.adversary is None or not batch.late:
            return total, figures
        fooling, telling = self._contest(made[0][0].float(), truths[0], self.recipe.gan * batch.late)
        figures |= {"loss_gan": float(fooling.detach()), "loss_adversary": float(telling.detach())}
        return {"model": total + fooling, "adversary": telling}, figures

    def _likeness(self, face: Tensor, mask: Tensor, truth: Tensor, detail: Tensor) -> Tensor:
        hull, picture = truth[:, 3:], truth[:, :3]
        error = face - picture
        return (
            10 * face_dssim(face * hull, picture * hull)
            + 10 * (error.square() * hull).mean()
            + 10 * (mask - hull).square().mean()
            + self.recipe.eyes_mouth * (error.abs() * detail).mean()
        )

    def _contest(self, face: Tensor, truth: Tensor, weight: float) -> tuple[Tensor, Tensor]:
        """The model's loss against the adversary and the adversary's own; no gradient crosses from one to the other."""
        assert self.adversary is not None
        hull = truth[:, 3:]
        made, real = face * hull, truth[:, :3] * hull
        self.adversary.requires_grad_(False)
        fooling = weight * judged(self.adversary, made, True)
        self.adversary.requires_grad_(True)
        telling = (judged(self.adversary, real, True) + judged(self.adversary, made.detach(), False)) / 2
        return fooling, telling

    def _moved(self, planes: Tensor) -> Tensor:
        return planes.to(self.device, non_blocking=True)

    def _laid(self, planes: Tensor | None) -> Tensor | None:
        return None if planes is None else self._moved(planes).contiguous(memory_format=torch.channels_last)
