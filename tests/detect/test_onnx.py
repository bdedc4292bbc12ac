"""A detector as one ONNX file says what it said before, for every registered network, and scores files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datasets.errors import InputError
from detect.calibration import Platt
from detect.competence import Competence
from detect.detector import TrainedDetector, build_model, load_detector, registered, save_detector
from detect.explain import NOTHING, Explainer
from detect.onnx import ARRAYS, CARD, INPUT, OPSET, export_onnx, load_onnx, open_detector
from detect.score import score_clip

SIZE, CLOSE = 64, 1e-4


def untrained(name: str, folder: Path, **more: Any) -> Path:
    """A detector with random weights; its numbers say nothing, and have to come back all the same."""
    torch.manual_seed(0)
    built = build_model(name)
    with torch.no_grad():  # an untrained normalisation layer would leave half of its arithmetic out
        for part in built.module.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                assert part.running_mean is not None and part.running_var is not None
                part.running_mean.uniform_(-0.2, 0.2)
                part.running_var.uniform_(0.5, 2.0)
    width = built.module.eval()(torch.zeros(1, 3, SIZE, SIZE)).features.shape[1]
    card = {
        "name": name,
        "version": "1",
        "architecture": {"name": name, "options": dict(built.options)},
        "input": {"size": SIZE, "coverage": "full", "normalisation": dict(built.normalisation)},
        "calibration": Platt(0.7, -0.3, ((0.01, 0.0), (0.0, 0.01)), 0.2, 40).to_card(),
        "calibrated_on": "nothing",
    } | more
    reference = Competence(np.zeros(width, np.float32), np.eye(width, dtype=np.float32), 1.0, (1.0, 1e4), (64.0, None))
    save_detector(folder, built.module, card, reference)
    return folder


@pytest.fixture(scope="module")
def exported(detector_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained detector as one file; tests leave it as it is."""
    return export_onnx(detector_folder, tmp_path_factory.mktemp("onnx") / "it.onnx")


@pytest.fixture(scope="module")
def real_crops(material: Any) -> np.ndarray:
    return np.stack([pair.real for pair in material.pairs[:5]] + [pair.fake for pair in material.pairs[:5]])


def close(one: TrainedDetector, other: TrainedDetector, crops: np.ndarray) -> None:
    first, second = one.score(crops), other.score(crops)
    for name in ("logit", "network", "probability", "features", "heatmap"):
        before, after = getattr(first, name), getattr(second, name)
        assert (before is None) == (after is None), name
        if before is not None:
            assert before.shape == after.shape and before.dtype == after.dtype
            assert np.abs(before - after).max() < CLOSE, name
    assert np.allclose(one.competence.distance(first.features), other.competence.distance(second.features), rtol=1e-3)


@pytest.mark.parametrize("name", registered())
def test_every_network_says_the_same_in_any_number_of_faces(name: str, real_crops: np.ndarray, tmp_path: Path) -> None:
    folder = untrained(name, tmp_path / "detector")
    before = load_detector(folder, "cpu")
    after = load_onnx(export_onnx(folder, tmp_path / "it.onnx"))
    for count in (1, 3, len(real_crops)):
        close(before, after, real_crops[:count])
    assert before.score(real_crops).logit.std() > 1e-3


def test_a_trained_one_scores_a_clip_the_same(detector_folder: Path, material: Any, exported: Path) -> None:
    before = score_clip(material.fake, load_detector(detector_folder, "cpu"), frames=6).to_json()
    after = score_clip(material.fake, open_detector(str(exported), "cpu"), frames=6).to_json()
    assert after["verdict"] == before["verdict"] == "manipulated" and after["detector"] == before["detector"]
    assert after["probability"] == pytest.approx(before["probability"], abs=1e-3)
    assert after["reasons"] == before["reasons"] and after["limits"] == before["limits"]


def test_others_can_use_the_file_without_this_program(
    detector_folder: Path, real_crops: np.ndarray, exported: Path
) -> None:
    import onnx
    import onnxruntime

    model = onnx.load(exported)
    assert model.opset_import[0].version == OPSET and "RGB in [0, 1]" in model.doc_string
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    pixels = real_crops.transpose(0, 3, 1, 2).astype(np.float32) / 255
    probability, heat = session.run(["probability", "heatmap"], {INPUT: pixels})
    wanted = load_detector(detector_folder, "cpu").score(real_crops)
    assert wanted.heatmap is not None
    assert np.abs(probability - wanted.probability).max() < CLOSE and np.abs(heat - wanted.heatmap).max() < CLOSE
    card = json.loads(session.get_modelmeta().custom_metadata_map[CARD])
    assert card["name"] == "test" and card["trained_on"] == "the astronaut's portrait"


def test_cues_and_the_head_of_clips_travel_along(real_crops: np.ndarray, tmp_path: Path) -> None:
    from detect.cues.forest import fit_forest
    from detect.cues.model import CueModel, fit_line

    random = np.random.default_rng(0)
    rows = random.normal(size=(80, 3)).astype(np.float32)
    labels = (rows[:, 0] + random.normal(0, 0.3, 80) > 0).astype(int)
    names = ("one", "two", "three@448")
    model = CueModel(
        fit_forest(rows[:, :2], labels, np.arange(80) % 8, 0, trees=20),
        names,
        fit_line(rows, labels, [0, 1]),
        fit_line(rows, labels, [0, 1, 2]),
    )
    folder = untrained(
        "residual",
        tmp_path / "detector",
        cues={"names": list(names), "fusion": {"network": 0.5, "cues": 1.0, "offset": -0.1}},
        clip={
            "names": ["network", "cues", "cues_large"],
            "weights": [0.4, 0.8, 0.7],
            "offset": 0.1,
            "centre": [0.0, 0.0, 0.0],
        },
        clip_calibration=Platt(1.1, 0.2).to_card(),
        conformal={"real": [0.1] * 20, "fake": [0.9] * 20},
    )
    plain = load_raw(folder)
    save_detector(folder, plain.module, plain.card, plain.competence, model)
    before, after = load_detector(folder, "cpu"), load_onnx(export_onnx(folder, tmp_path / "it.onnx"))
    cues = random.normal(size=(len(real_crops), 3)).astype(np.float32)
    cues[0, 1] = np.nan
    cues[::2, 2] = np.nan
    assert np.abs(before.score(real_crops, cues).probability - after.score(real_crops, cues).probability).max() < CLOSE
    network = before.score(real_crops, cues).network
    assert after.clip_logit(network, cues) == before.clip_logit(network, cues) is not None
    assert after.conformal == before.conformal and after.clip_calibration == before.clip_calibration
    # With cues the network alone gives no probability, so the file names none.
    import onnx

    assert "probability" not in [output.name for output in onnx.load(tmp_path / "it.onnx").graph.output]


def load_raw(folder: Path) -> TrainedDetector:
    """A detector whose card asks for trees that are not there yet."""
    from datasets.checkpoint import load_checkpoint

    card, tensors = load_checkpoint(folder, "detector")
    module = build_model(card["architecture"]["name"], **card["architecture"]["options"]).module
    module.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
    arrays = {k.removeprefix("reference."): v.numpy() for k, v in tensors.items() if k.startswith("reference.")}
    return TrainedDetector(module, card, Competence.from_card(card["competence"], arrays))


def test_without_gradients_there_is_no_grad_cam(real_crops: np.ndarray, tmp_path: Path) -> None:
    detector = load_onnx(export_onnx(untrained("timm_plain", tmp_path / "detector"), tmp_path / "it.onnx"))
    explainer = Explainer(detector)
    assert explainer.heat(real_crops, detector.score(real_crops)) is None and explainer.by == NOTHING


def test_what_is_there_is_kept_and_names_are_checked(detector_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "it.onnx"
    file.write_bytes(b"mine")
    with pytest.raises(InputError, match="exists already"):
        export_onnx(detector_folder, file)
    assert file.read_bytes() == b"mine" and [path.name for path in tmp_path.iterdir()] == ["it.onnx"]
    assert export_onnx(detector_folder, file, force=True) == file and load_onnx(file).card["name"] == "test"
    with pytest.raises(InputError, match=r"must end in \.onnx"):
        export_onnx(detector_folder, tmp_path / "it.bin")
    with pytest.raises(InputError, match="holds no model"):
        export_onnx(tmp_path, tmp_path / "other.onnx")


def test_bad_files_are_one_sentence(exported: Path, tmp_path: Path) -> None:
    import onnx

    whole = exported.read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.onnx").write_text("no network")
    other = onnx.load_from_string(whole)
    del other.metadata_props[:]
    onnx.save(other, tmp_path / "other.onnx")
    wrong = onnx.load_from_string(whole)
    for entry in wrong.metadata_props:
        if entry.key == ARRAYS:
            entry.value = entry.value[:-400]
    onnx.save(wrong, tmp_path / "wrong.onnx")
    said = {"cut": "damaged", "text": "damaged", "other": "no detector of Counterface", "wrong": "do not fit together"}
    for name, words in {**said, "missing": "There is no detector"}.items():
        with pytest.raises(InputError, match=words) as error:
            load_onnx(tmp_path / f"{name}.onnx")
        assert "\n" not in str(error.value)


def test_a_device_that_is_not_there_is_not_swapped_for_another(exported: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(InputError, match="no device 'cuda'"):
            load_onnx(exported, "cuda")
    with pytest.raises(InputError, match="no device 'abacus'"):
        load_onnx(exported, "abacus")
