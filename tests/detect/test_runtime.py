"""A large network runs in onnxruntime, says what it said before, and its graph is made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from detect import onnx, runtime
from detect.detector import BuiltModel, build_model, forward
from detect.fuse import for_inference, fused

SIZE = 64


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> BuiltModel:
    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path))
    monkeypatch.setattr(runtime, "LARGE", 1)
    torch.manual_seed(0)
    found = build_model("timm_heatmap")
    found.module.eval()
    return found


def test_it_says_what_the_network_says_on_any_number_of_threads(built: BuiltModel) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)
    quick = for_inference(built.module, SIZE)
    assert type(quick).__name__ == "InOnnxruntime"
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            for known, found in zip(
                forward(built.module, crops, built.normalisation),
                forward(quick, crops, built.normalisation),
                strict=True,
            ):
                assert known is not None and found is not None and np.abs(known - found).max() < 1e-4
    finally:
        torch.set_num_threads(before)


def test_its_graph_is_made_once_and_again_where_the_kept_one_is_damaged(
    built: BuiltModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    monkeypatch.setattr(onnx, "graph_of", lambda *a, graph_of=onnx.graph_of: made.append(1) or graph_of(*a))
    for _ in range(2):
        assert runtime.in_onnxruntime(built.module, SIZE) is not None
    assert len(made) == 1
    (kept,) = (tmp_path / runtime.FOLDER).glob("*.onnx")
    kept.write_bytes(kept.read_bytes()[:-1] + b"?")
    assert runtime.in_onnxruntime(built.module, SIZE) is not None and len(made) == 2
    with torch.no_grad():
        next(built.module.parameters()).mul_(2)
    assert runtime.in_onnxruntime(built.module, SIZE) is not None and len(made) == 3


def test_what_is_small_or_answers_otherwise_stays_in_torch(built: BuiltModel, monkeypatch: pytest.MonkeyPatch) -> None:
    from detect import fuse

    monkeypatch.setattr(fuse, "_alike", lambda module, quick, size, device: False)
    assert for_inference(built.module, SIZE) is built.module
    monkeypatch.undo()
    monkeypatch.setattr(runtime, "LARGE", 10**9)
    assert type(for_inference(built.module, SIZE)) is type(fused(built.module))
