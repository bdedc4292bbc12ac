"""The optimisers of a detector, and sharpness-aware minimisation on top of either.

SAM (Foret et al., "Sharpness-aware minimization for efficiently improving generalization", ICLR 2021): the gradient is
taken not where the weights are but ``rho`` up the slope from there, so that training ends in wide valleys. A step costs
two.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from datasets.errors import InputError

if TYPE_CHECKING:
    import torch

# Name: the base, whether SAM is on top, and the learning rates from random weights and from pretrained ones.
OPTIMISERS: dict[str, tuple[str, bool, float, float]] = {
    "adamw": ("adamw", False, 3e-3, 3e-4),
    "sgd": ("sgd", False, 2e-2, 1e-3),
    "sam": ("sgd", True, 2e-2, 1e-3),
    "sam-adamw": ("adamw", True, 2e-3, 2e-4),
}
RHO, MOMENTUM = 0.05, 0.9


def check_optimiser(name: str) -> None:
    """Raise InputError for an unknown name."""
    if name not in OPTIMISERS:
        raise InputError(f"There is no optimiser {name!r}; there are: {', '.join(OPTIMISERS)}.")


def usual_rate(name: str, pretrained: bool) -> float:
    """The learning rate that an optimiser is usually given here."""
    check_optimiser(name)
    return OPTIMISERS[name][3] if pretrained else OPTIMISERS[name][2]


def make_optimiser(name: str, module: torch.nn.Module, rate: float, decay: float) -> torch.optim.Optimizer:
    """The optimiser of a name, or the one that SAM stands on."""
    import torch

    check_optimiser(name)
    if OPTIMISERS[name][0] == "sgd":
        return torch.optim.SGD(module.parameters(), lr=rate, momentum=MOMENTUM, weight_decay=decay)
    return torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=decay)


def sharpness_aware(name: str) -> bool:
    """Whether an optimiser of that name is SAM."""
    return OPTIMISERS[name][1]


@contextmanager
def uphill(module: torch.nn.Module, rho: float = RHO) -> Iterator[None]:
    """Inside, the weights stand ``rho`` up the slope of the gradients that lie at them; after, where they were.

    The running statistics of batch normalisation stay as they are inside: they belong to the weights that are kept.
    """
    import torch
    from torch.nn.modules.batchnorm import _BatchNorm

    moved = [p for p in module.parameters() if p.grad is not None]
    steps = [p.grad for p in moved if p.grad is not None]
    with torch.no_grad():
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in steps]))
        held = [p.detach().clone() for p in moved]
        steps = [g * (rho / (norm + 1e-12)) for g in steps]
        for parameter, step in zip(moved, steps, strict=True):
            parameter.add_(step)
    norms = [(m, m.momentum) for m in module.modules() if isinstance(m, _BatchNorm)]
    for layer, _ in norms:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in norms:
            layer.momentum = momentum
        with torch.no_grad():
            for parameter, before in zip(moved, held, strict=True):
                parameter.copy_(before)
