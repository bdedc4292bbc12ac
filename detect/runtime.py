"""Large networks run in onnxruntime on a CPU: the same answers in some six tenths of PyTorch's time.

The graph is made once, which takes seconds, and kept in the cache folder under what it was made from.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.atomic import replacing
from datasets.errors import InputError
from datasets.home import home

if TYPE_CHECKING:
    import torch

# Parameters from which the seconds of making a graph are soon won back.
LARGE = 1_500_000
FOLDER, KEPT = "networks", 8


def in_onnxruntime(module: torch.nn.Module, size: int) -> torch.nn.Module | None:
    """The network as one that runs in onnxruntime, on as many threads as PyTorch has when it is called.

    None for a network that is small, or does something that ONNX has no operator for.

    Args:
        module: in evaluation mode, on the CPU; gives :class:`detect.detector.ModelOutput`.
        size: side of its crops, pixels.
    """
    import torch

    from detect.detector import ModelOutput
    from detect.onnx import INPUT, open_session

    if sum(parameter.numel() for parameter in module.parameters()) < LARGE:
        return None
    made = _graph(module, size)
    if made is None:
        return None
    blob: bytes = made
    sessions: dict[int, Any] = {}

    class InOnnxruntime(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> ModelOutput:
            threads = torch.get_num_threads()
            if threads not in sessions:
                sessions[threads] = open_session(blob, threads)
            session = sessions[threads]
            names = [output.name for output in session.get_outputs()]
            found = dict(zip(names, map(torch.from_numpy, session.run(names, {INPUT: x.numpy()})), strict=True))
            return ModelOutput(found["logit"], found.get("heat"), found["features"])

    return InOnnxruntime()


def _graph(module: torch.nn.Module, size: int) -> bytes | None:
    """The network's graph, from the cache where it was made before."""
    from detect.onnx import graph_of

    folder = home("cache") / FOLDER
    path = folder / f"{_key(module, size)}.onnx"
    try:
        blob = _checked(path)
        path.touch()  # those that were not used for longest go first
        return blob
    except (OSError, ValueError):
        pass
    try:
        blob = graph_of(_named(module), size, "the network")
    except Exception:  # of whatever kind: then it runs in PyTorch
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(hashlib.sha256(blob).digest() + blob)
        for old in sorted(folder.glob("*.onnx"), key=lambda file: file.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)
    except (OSError, InputError):
        pass  # without room in the cache it is made anew each time
    return blob


def _checked(path: Path) -> bytes:
    content = path.read_bytes()
    digest, blob = content[:32], content[32:]
    if hashlib.sha256(blob).digest() != digest:
        raise ValueError("damaged")
    return blob


def _key(module: torch.nn.Module, size: int) -> str:
    import torch

    from detect.onnx import OPSET

    found = hashlib.sha256(f"{torch.__version__} {OPSET} {size} {module}".encode())
    for name, tensor in module.state_dict().items():
        found.update(name.encode())
        found.update(tensor.contiguous().numpy().tobytes())
    return found.hexdigest()[:32]


def _named(module: torch.nn.Module) -> torch.nn.Module:
    import torch

    class Named(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = module

        def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
            return {name: part for name, part in self.network(image)._asdict().items() if part is not None}

    return Named().eval()
