"""What a detector is: the protocol, the table of models, and how a trained one is kept on disk.

A model is a ``torch.nn.Module`` that a file in ``detect/models`` registers under a name; adding one is one new file.
A trained detector is such a module with a card, which says all that is needed to use it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from datasets.device import pick_device
from datasets.errors import InputError

if TYPE_CHECKING:
    import torch

    from detect.calibration import Calibration, Platt
    from detect.cliphead import ClipHead
    from detect.competence import Competence
    from detect.conformal import Conformal
    from detect.cues.model import CueModel

KIND = "detector"
VERSION = "1"
# Faces at once. On a CPU more than the caches hold take longer each.
BATCH, CPU_BATCH = 32, 8


@dataclass(frozen=True)
class FaceScores:
    """What a detector says of N face crops.

    Attributes:
        probability: float64 (N,) in [0, 1], calibrated: that the face was manipulated.
        heatmap: float32 (N, h, w) in [0, 1], where; it covers the whole crop. None for a network without one.
        features: float32 (N, d), what the competence reference is measured on.
        logit: float64 (N,), the score before calibration, cues counted in.
        network: float64 (N,), what the network alone says, raw.
    """

    probability: np.ndarray
    heatmap: np.ndarray | None
    features: np.ndarray
    logit: np.ndarray
    network: np.ndarray


class Detector(Protocol):
    """What scores aligned face crops."""

    card: Mapping[str, Any]
    calibration: Platt
    clip_calibration: Calibration | None
    conformal: Conformal | None
    competence: Competence
    cue_names: tuple[str, ...]

    def score(self, crops: np.ndarray, cues: np.ndarray | None = None) -> FaceScores:
        """Score faces.

        Args:
            crops: uint8 RGB (N, S, S, 3), aligned and sized as the card says; ValueError otherwise.
            cues: float32 (N, k), the cues of ``cue_names``, NaN where one could not be measured; None where the
                detector asks for none.
        """
        ...

    def clip_logit(
        self, network: np.ndarray, cues: np.ndarray | None = None, track: Mapping[str, float] | None = None
    ) -> float | None:
        """The raw score of one face's whole track, for ``clip_calibration``; None where there is no head for it.

        Args:
            network: float64 (N,), :attr:`FaceScores.network` of its frames.
            cues: float32 (N, k), or (k,) their medians.
            track: cues that only runs of frames have, by name.
        """
        ...


class ModelOutput(NamedTuple):
    """What a model's forward pass gives for float32 images (N, 3, S, S), normalised as its card says.

    Attributes:
        logit: (N,), above 0 for manipulated.
        heat: (N, h, w), logits of the swap mask; None for a network that has no heatmap.
        features: (N, d).
    """

    logit: torch.Tensor
    heat: torch.Tensor | None
    features: torch.Tensor


@dataclass(frozen=True)
class BuiltModel:
    """A fresh model and what its card must say of it.

    Attributes:
        module: its forward returns :class:`ModelOutput`.
        options: keyword arguments that build the same architecture again, JSON values.
        normalisation: ``{"mean": [3], "std": [3]}`` for RGB in [0, 1].
        initial_weights: where the weights that training starts from come from, in words.
    """

    module: torch.nn.Module
    options: Mapping[str, Any]
    normalisation: Mapping[str, list[float]]
    initial_weights: str


ModelFactory = Callable[..., BuiltModel]
_MODELS: dict[str, ModelFactory] = {}


def register_model(name: str) -> Callable[[ModelFactory], ModelFactory]:
    """Decorator: make a model known under ``name``. The factory takes keyword options and a ``weights`` word."""

    def keep(factory: ModelFactory) -> ModelFactory:
        _MODELS[name] = factory
        return factory

    return keep


def registered() -> list[str]:
    """Names of all models: every file in ``detect/models`` is asked."""
    import detect.models

    for found in pkgutil.iter_modules(detect.models.__path__):
        import_module(f"detect.models.{found.name}")
    return sorted(_MODELS)


def build_model(name: str, weights: str = "scratch", **options: Any) -> BuiltModel:
    """A fresh model.

    Args:
        name: one of :func:`registered`.
        weights: ``scratch`` (random), or ``imagenet`` where the model has such weights.

    Raises:
        InputError: an unknown name or option.
    """
    if name not in registered():
        raise InputError(f"There is no detector model {name!r}; there are: {', '.join(registered())}.")
    return _MODELS[name](weights=weights, **options)


class TrainedDetector:
    """A network with its weights, cues, calibration and the limits of what it knows. Meets :class:`Detector`."""

    def __init__(
        self,
        module: torch.nn.Module,
        card: Mapping[str, Any],
        competence: Competence,
        device: str = "cpu",
        cue_model: CueModel | None = None,
    ) -> None:
        from detect.calibration import Platt, calibration_from_card
        from detect.cliphead import ClipHead
        from detect.conformal import Conformal

        self.module = module.to(device).eval()
        self.card, self.competence, self.device, self.cue_model = card, competence, device, cue_model
        self._quick: torch.nn.Module | None = None
        self.calibration = Platt.from_card(card["calibration"])
        self.size = int(card["input"]["size"])
        self.cue_names: tuple[str, ...] = () if cue_model is None else cue_model.names
        self.head: ClipHead | None = ClipHead.from_card(card["clip"]) if "clip" in card else None
        calibrated = card.get("clip_calibration")
        self.clip_calibration: Calibration | None = calibration_from_card(calibrated) if calibrated else None
        self.conformal: Conformal | None = Conformal.from_card(card["conformal"]) if "conformal" in card else None

    def score(self, crops: np.ndarray, cues: np.ndarray | None = None) -> FaceScores:
        """See :meth:`Detector.score`."""
        if crops.ndim != 4 or crops.shape[1:] != (self.size, self.size, 3) or crops.dtype != np.uint8:
            raise ValueError(
                f"crops of {crops.dtype} {crops.shape}, and uint8 (N, {self.size}, {self.size}, 3) is needed"
            )
        if self._quick is None:
            from detect.fuse import for_inference

            self._quick = for_inference(self.module, self.size, self.device)
        network, heat, features = forward(self._quick, crops, self.card["input"]["normalisation"], self.device)
        logit = network
        if self.cue_model is not None:
            if cues is None or cues.shape != (len(crops), len(self.cue_names)):
                raise ValueError(f"this detector needs {len(self.cue_names)} cues of each of {len(crops)} faces")
            shares = self.card["cues"]["fusion"]
            logit = shares["network"] * network + shares["cues"] * self.cue_model.logit(cues) + shares["offset"]
        return FaceScores(self.calibration.probability(logit), heat, features, logit, network)

    def clip_logit(
        self, network: np.ndarray, cues: np.ndarray | None = None, track: Mapping[str, float] | None = None
    ) -> float | None:
        """See :meth:`Detector.clip_logit`."""
        from detect.cliphead import summarise

        if self.head is None:
            return None
        said, large = None, False
        if self.cue_model is not None and cues is not None and np.isfinite(cues).any():
            _, said, large = self.cue_model.of_track(np.atleast_2d(cues))
        return self.head.logit(summarise(network, said, track, large))


def forward(
    module: torch.nn.Module, crops: np.ndarray, normalisation: Mapping[str, list[float]], device: str = "cpu"
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """What a network says of uint8 crops.

    Returns:
        Raw logits float64 (N,), heatmaps float32 (N, h, w) in [0, 1] or None for a network without, and features
        float32 (N, d).
    """
    import torch

    if not len(crops):
        raise ValueError("no crops to score")
    module.eval()
    parts: list[ModelOutput] = []
    with torch.inference_mode():
        step = CPU_BATCH if str(device) == "cpu" else BATCH
        for start in range(0, len(crops), step):
            out = module(to_tensor(crops[start : start + step], normalisation, device))
            heat = None if out.heat is None else out.heat.sigmoid().float().cpu()
            parts.append(ModelOutput(out.logit.float().cpu(), heat, out.features.float().cpu()))
    logit = torch.cat([part.logit for part in parts]).numpy().astype(np.float64)
    heats = [part.heat for part in parts if part.heat is not None]
    features = torch.cat([part.features for part in parts]).numpy()
    return logit, torch.cat(heats).numpy() if heats else None, features


def to_tensor(crops: np.ndarray, normalisation: Mapping[str, list[float]], device: str = "cpu") -> torch.Tensor:
    """uint8 (N, S, S, 3) as a normalised float32 (N, 3, S, S) tensor."""
    import torch

    pixels = torch.from_numpy(np.ascontiguousarray(crops)).to(device).permute(0, 3, 1, 2).float().div_(255)
    mean = torch.tensor(normalisation["mean"], device=device).view(1, 3, 1, 1)
    std = torch.tensor(normalisation["std"], device=device).view(1, 3, 1, 1)
    return pixels.sub_(mean).div_(std)


def save_detector(
    folder: Path,
    module: torch.nn.Module,
    card: Mapping[str, Any],
    competence: Competence,
    cue_model: CueModel | None = None,
) -> Mapping[str, Any]:
    """Write a trained detector; what it knows and what judges its cues travel among the weights. Returns the card."""
    import torch

    from datasets.checkpoint import save_checkpoint

    tensors = {f"model.{name}": tensor for name, tensor in module.state_dict().items()}
    tensors |= {f"reference.{name}": torch.from_numpy(value) for name, value in competence.arrays().items()}
    if cue_model is not None:
        tensors |= {name: torch.from_numpy(value) for name, value in cue_model.arrays().items()}
    whole = dict(card) | {"kind": KIND, "competence": competence.to_card()}
    save_checkpoint(folder, whole, tensors)
    return whole


def load_detector(folder: Path, device: str = "auto") -> TrainedDetector:
    """Load a trained detector from its folder.

    Raises:
        InputError: nothing there, damaged, tampered with, another kind of model, or an architecture that is unknown.
    """
    from datasets.checkpoint import load_checkpoint, under
    from detect.competence import Competence

    card, tensors = load_checkpoint(folder, KIND)
    try:
        architecture = card["architecture"]
        module = build_model(architecture["name"], **architecture["options"]).module
        module.load_state_dict(under("model.", tensors))
        arrays = {name: tensor.numpy() for name, tensor in under("reference.", tensors).items()}
        competence = Competence.from_card(card["competence"], arrays)
        cue_model = None
        if "cues" in card:
            from detect.cues.model import CueModel

            others = {n: t.numpy() for n, t in tensors.items() if not n.startswith(("model.", "reference."))}
            cue_model = CueModel.from_arrays(card["cues"]["names"], others)
        return TrainedDetector(module, card, competence, pick_device(device), cue_model)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{folder} holds a detector whose card and weights do not fit together: {reason}.") from error
