"""The loading of RetinaFace, with a network whose weights are random: all but the faces is the real thing."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.errors import InputError
from datasets.faces.retinaface import RetinafaceFinder
from datasets.weights import load_tensors


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from retinaface.predict_single import Model

        torch.manual_seed(0)
        network = Model().model
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(network.state_dict(), path)
    return path


def test_weights_are_loaded_and_used(saved: Path) -> None:
    threads = torch.get_num_threads()
    finder = RetinafaceFinder(saved, longest_side=160)
    held = finder._model.model.state_dict()
    for name, value in load_tensors(saved).items():
        torch.testing.assert_close(held[name], value)
    assert isinstance(finder.find(np.zeros((120, 160, 3), np.uint8)), list)
    assert torch.get_num_threads() == threads
    finder.close()


def test_a_zip_around_the_file_is_opened(saved: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(saved, "retinaface.pth")
    assert load_tensors(packed).keys() == load_tensors(saved).keys()


def test_another_network_is_an_input_error(tmp_path: Path) -> None:
    other = tmp_path / "other.pth"
    torch.save({"weight": torch.zeros(3)}, other)
    with pytest.raises(InputError, match="RetinaFace"):
        RetinafaceFinder(other)


class Harmful:
    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("harm-was-done"),))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_nothing_in_a_file_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    by_torch, by_pickle, noise = tmp_path / "a.pth", tmp_path / "b.pth", tmp_path / "c.pth"
    torch.save({"weight": Harmful()}, by_torch)
    by_pickle.write_bytes(pickle.dumps(Harmful()))
    noise.write_bytes(b"not weights at all")
    for path in (by_torch, by_pickle, noise):
        with pytest.raises(InputError, match=r"weights"):
            load_tensors(path)
    assert not Path("harm-was-done").exists()
