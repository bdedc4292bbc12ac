"""The peer baseline: Meso4 of MesoNet (Afchar et al., 2018), built from the paper, with its published weights.

The weights are an HDF5 file, which ``h5py`` reads; that is no part of this project's environment.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from datasets.errors import InputError

if TYPE_CHECKING:
    from evaluate.scored import Scored

SIDE = 256
MARGIN = 0.15
KERAS_EPSILON = 1e-3


def available() -> bool:
    """Whether ``h5py`` is installed."""
    from importlib.util import find_spec

    return find_spec("h5py") is not None


class Meso4(nn.Module):
    """Four convolutions, each with batch normalisation and pooling, and two dense layers.

    Takes float32 (N, 3, 256, 256) in [0, 1], gives (N,) in [0, 1]: the published output is 1 for a real face.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after, side, pool in ((3, 8, 3, 2), (8, 8, 5, 2), (8, 16, 5, 2), (16, 16, 5, 4)):
            layers += [nn.Conv2d(before, after, side, padding=side // 2), nn.ReLU()]
            layers += [nn.BatchNorm2d(after, eps=KERAS_EPSILON), nn.MaxPool2d(pool)]
        self.features = nn.Sequential(*layers)
        self.hidden, self.out = nn.Linear(1024, 16), nn.Linear(16, 1)

    def forward(self, images: Tensor) -> Tensor:
        # The published weights count rows, columns, channels in this order.
        found = self.features(images).permute(0, 2, 3, 1).flatten(1)
        return torch.sigmoid(self.out(nn.functional.leaky_relu(self.hidden(found), 0.1))).squeeze(1)


@lru_cache(maxsize=1)
def load_meso4(weights: Path) -> Meso4:
    """Raises InputError when the file is no Meso4, or ``h5py`` is not installed."""
    try:
        import h5py
    except ImportError as error:
        raise InputError("MesoNet's weights are an HDF5 file; install h5py to read it.") from error
    try:
        with h5py.File(weights) as file:
            kinds: dict[str, list[Any]] = {"conv2d": [], "batch_normalization": [], "dense": []}
            for layer in (name.decode() if isinstance(name, bytes) else name for name in file.attrs["layer_names"]):
                kind = layer.rsplit("_", 1)[0]
                if kind in kinds:
                    kinds[kind].append(_arrays(file[layer]))
    except (OSError, KeyError) as error:
        raise InputError(f"{weights} is not the published file of weights.") from error
    model = Meso4()
    modules: dict[type, list[Any]] = {kind: [] for kind in (nn.Conv2d, nn.BatchNorm2d, nn.Linear)}
    for module in model.modules():
        modules.get(type(module), []).append(module)
    try:
        for convolution, held in zip(modules[nn.Conv2d], kinds["conv2d"], strict=True):
            _put(convolution.weight, held["kernel"].transpose(3, 2, 0, 1))
            _put(convolution.bias, held["bias"])
        for norm, held in zip(modules[nn.BatchNorm2d], kinds["batch_normalization"], strict=True):
            for tensor, name in zip(
                (norm.weight, norm.bias, norm.running_mean, norm.running_var),
                ("gamma", "beta", "moving_mean", "moving_variance"),
                strict=True,
            ):
                _put(tensor, held[name])
        for dense, held in zip(modules[nn.Linear], kinds["dense"], strict=True):
            _put(dense.weight, held["kernel"].T)
            _put(dense.bias, held["bias"])
    except (KeyError, RuntimeError, ValueError) as error:
        raise InputError(f"{weights} does not hold the weights of Meso4.") from error
    return model.eval()


def _arrays(group: Any) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    group.visititems(
        lambda name, held: (
            found.update({name.rsplit("/", 1)[-1].split(":")[0]: held[()]}) if hasattr(held, "shape") else None
        )
    )
    return found


def _put(tensor: Tensor, values: np.ndarray) -> None:
    if tuple(tensor.shape) != values.shape:
        raise ValueError(f"{values.shape} for {tuple(tensor.shape)}")
    with torch.no_grad():
        tensor.copy_(torch.from_numpy(np.ascontiguousarray(values)))


def score_with(weights: Path, path: Path, frames: int) -> Scored:
    """Score a clip: the largest face of each frame, a square about its box with some margin; the mean over frames.

    MesoNet has no calibration and does not abstain: its verdict is its mean held against one half.
    """
    import cv2

    from datasets.faces.finder import make_finder
    from datasets.video import spread
    from evaluate.scored import Scored

    model, finder = load_meso4(weights), make_finder("mediapipe")
    crops, widths = list[np.ndarray](), list[float]()
    try:
        for frame in spread(path, frames):
            faces = finder.find(frame.image)
            if not faces:
                continue
            x0, y0, x1, y1 = max((face.box for face in faces), key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))
            side = max(x1 - x0, y1 - y0) * (1 + 2 * MARGIN)
            left, top = (x0 + x1 - side) / 2, (y0 + y1 - side) / 2
            affine = np.array([[SIDE / side, 0, -left * SIDE / side], [0, SIDE / side, -top * SIDE / side]])
            crops.append(cv2.warpAffine(frame.image, affine, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE))
            widths.append(float(x1 - x0))
    finally:
        finder.close()
    if not crops:
        return Scored(None, "cannot tell", ())
    with torch.inference_mode():
        real = model(torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255).numpy()
    fake = 1 - real.astype(np.float64)
    mean = float(fake.mean())
    verdict = "manipulated" if mean >= 0.5 else "no manipulation found"
    return Scored(mean, verdict, tuple(fake.tolist()), float(np.median(widths)))
