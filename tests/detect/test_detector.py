"""The contract that every registered model and every trained detector meets; a new model is picked up by itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.checkpoint import save_checkpoint
from datasets.errors import InputError
from detect.competence import Competence
from detect.detector import (
    ModelOutput,
    TrainedDetector,
    build_model,
    forward,
    load_detector,
    pick_device,
    registered,
    save_detector,
    to_tensor,
)


def crops(count: int, size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def test_the_table_is_not_empty() -> None:
    assert "timm_heatmap" in registered()


@pytest.mark.parametrize("name", registered())
@pytest.mark.parametrize("size", [64, 100])
def test_every_model_gives_logit_heat_and_features(name: str, size: int) -> None:
    torch.manual_seed(0)
    built = build_model(name)
    out = built.module.train()(to_tensor(crops(4, size), built.normalisation))
    assert isinstance(out, ModelOutput)
    assert out.logit.shape == (4,) and out.features.ndim == 2
    loss = out.logit.sum()
    if out.heat is not None:
        assert out.heat.ndim == 3 and len(out.heat) == 4
        loss = loss + out.heat.sum()
    loss.backward()
    assert all(p.grad is not None for p in built.module.parameters())
    assert json.loads(json.dumps(dict(built.options))) == dict(built.options)
    assert "scratch" in built.initial_weights


@pytest.mark.parametrize("name", registered())
def test_every_model_comes_back_from_disk_as_it_was(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    built = build_model(name)
    width = forward(built.module, crops(1, 64), built.normalisation)[2].shape[1]
    competence = Competence(np.zeros(width, np.float32), np.eye(width, dtype=np.float32), 2.0, (1.0, 9.0), (64.0, None))
    card = {
        "name": "x",
        "version": "1",
        "architecture": {"name": name, "options": dict(built.options)},
        "input": {"size": 64, "coverage": "full", "normalisation": dict(built.normalisation)},
        "calibration": {"slope": 2.0, "offset": 0.1, "covariance": [[0, 0], [0, 0]], "spread": 0.1, "samples": 5},
    }
    save_detector(tmp_path / "d", built.module, card, competence)
    loaded = load_detector(tmp_path / "d", "cpu")
    batch = crops(6, 64)
    logit, heat, features = forward(built.module, batch, built.normalisation)
    scores = loaded.score(batch)
    assert np.allclose(scores.logit, logit, atol=1e-5)
    assert np.allclose(scores.features, features, atol=1e-5)
    assert (heat is None and scores.heatmap is None) or np.allclose(scores.heatmap, heat, atol=1e-5)
    assert loaded.competence.threshold == 2.0 and loaded.competence.face_width == (64.0, None)


def test_scores_are_probabilities_and_do_not_depend_on_the_batch(detector: TrainedDetector) -> None:
    batch = crops(40, detector.size)
    together = detector.score(batch)
    alone = detector.score(batch[7:8])
    assert ((together.probability >= 0) & (together.probability <= 1)).all()
    assert ((together.heatmap >= 0) & (together.heatmap <= 1)).all()
    assert np.allclose(together.probability[7], alone.probability[0], atol=1e-4)
    assert np.allclose(together.heatmap[7], alone.heatmap[0], atol=1e-4)


def test_crops_of_another_size_or_type_are_refused(detector: TrainedDetector) -> None:
    with pytest.raises(ValueError, match="is needed"):
        detector.score(crops(2, detector.size + 8))
    with pytest.raises(ValueError, match="is needed"):
        detector.score(crops(2, detector.size).astype(np.float32))


def test_the_card_says_all_that_is_needed(detector: TrainedDetector) -> None:
    card = detector.card
    for key in ("architecture", "input", "step", "seed", "data_sha256", "calibration", "competence", "trained_on",
                "initial_weights", "calibrated_on", "scope", "held_out", "codecs"):  # fmt: skip
        assert key in card, key
    assert {"size", "coverage", "alignment", "normalisation"} <= set(card["input"])
    assert card["scope"] == {"kind": "pair"} and card["kind"] == "detector"


def test_wrong_folders_say_what_is_wrong(detector_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no model"):
        load_detector(tmp_path)
    save_checkpoint(tmp_path / "swap", {"kind": "swap"}, {"w": torch.zeros(1)})
    with pytest.raises(InputError, match="holds a swap model, and a detector model is needed"):
        load_detector(tmp_path / "swap")


def test_tampered_weights_are_refused(detector_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(detector_folder, copy)
    weights = copy / "weights.safetensors"
    blob = bytearray(weights.read_bytes())
    blob[-40] ^= 0xFF
    weights.write_bytes(bytes(blob))
    with pytest.raises(InputError, match="checksum"):
        load_detector(copy)


def test_a_card_of_another_architecture_is_refused(detector_folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    card = json.loads((detector_folder / "card.json").read_text())
    card.pop("weights_sha256")
    tensors = load_file(detector_folder / "weights.safetensors")
    save_checkpoint(tmp_path / "a", card | {"architecture": {"name": "nothing", "options": {}}}, tensors)
    with pytest.raises(InputError, match="no detector model 'nothing'"):
        load_detector(tmp_path / "a")
    wide = {"name": "timm_heatmap", "options": {**card["architecture"]["options"], "width": 48}}
    save_checkpoint(tmp_path / "b", card | {"architecture": wide}, tensors)
    with pytest.raises(InputError, match="do not fit together"):
        load_detector(tmp_path / "b")


def test_unknown_names_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no backbone 'resnet_of_nobody'"):
        build_model("timm_heatmap", backbone="resnet_of_nobody")
    with pytest.raises(InputError, match="no 'celebrity' weights"):
        build_model("timm_heatmap", weights="celebrity")
    with pytest.raises(InputError, match="no device 'abacus'"):
        pick_device("abacus")
    assert pick_device("cpu") == "cpu"
