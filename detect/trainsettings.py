"""How a detector is trained: one typed object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

# What may differ between the run that was stopped and the one that goes on.
NOT_IDENTITY = ("threads", "device", "workers")


@dataclass(frozen=True)
class TrainSettings:
    """How a detector is trained.

    Attributes:
        model, options: the architecture, see :func:`detect.detector.build_model`.
        weights: ``scratch`` or ``imagenet``.
        coverage: crop coverage that the network sees in scoring, a name or a number, for the card.
        steps, minutes: how long; one of the two. Minutes become a number of steps once the pace is known, at least
            ``detect.training.LEAST_STEPS``.
        batch: pairs a step (twice as many images), of one process.
        learning_rate, weight_decay: of the optimiser; the rate warms up and falls on a half cosine.
        optimizer: a key of :data:`detect.optimisers.OPTIMISERS`.
        ema: decay of the averaged weights, which are then the ones that are kept; None for the last weights.
        precision: ``32``, ``bf16`` or ``fp16`` (mixed); devices: how many, a process each. Anything but 32 bit on one
            device goes through Lightning Fabric.
        seed: everything random comes from it.
        threads: of torch; one a core when None.
        workers: threads that make batches ahead of the training.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        name: what the detector is called in scores.
        scope: what it may be asked about, ``{"kind": "pair"}`` for one swap and its original.
        trained_on: the same in words, for people.
        consent: the grounds on which the faces were used, for the card.
    """

    model: str = "timm_heatmap"
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: str = "scratch"
    coverage: str | float = "full"
    steps: int | None = None
    minutes: float | None = None
    batch: int = 16
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    optimizer: str = "adamw"
    ema: float | None = None
    precision: str = "32"
    devices: int = 1
    seed: int = 0
    threads: int | None = None
    workers: int = 1
    device: str = "auto"
    name: str = "pair"
    scope: Mapping[str, Any] = field(default_factory=lambda: {"kind": "pair"})
    trained_on: str = "one swap and its own original"
    consent: tuple[Mapping[str, str], ...] = ()

    def identity(self) -> dict[str, Any]:
        """What must be the same to go on with a training, JSON values."""
        return {key: value for key, value in asdict(self).items() if key not in NOT_IDENTITY}
