"""The peer baseline is the published network, and where it can't be read that is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.mesonet import Meso4, available, load_meso4
from datasets.errors import InputError

WEIGHTS = Path(__file__).parents[3] / "shared" / "material" / "weights" / "Meso4_DF.h5"


def test_it_has_the_published_size_and_answers_in_unit() -> None:
    model = Meso4().eval()
    trained = sum(p.numel() for p in model.parameters())
    assert trained == 27_977  # as the paper says of Meso-4
    with torch.inference_mode():
        found = model(torch.rand(2, 3, 256, 256))
    assert found.shape == (2,) and ((found > 0) & (found < 1)).all()


def test_weights_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    (tmp_path / "weights.h5").write_bytes(b"not HDF5")
    said = "not the published file" if available() else "install h5py"
    with pytest.raises(InputError, match=said):
        load_meso4(tmp_path / "weights.h5")


@pytest.mark.material
@pytest.mark.skipif(not (WEIGHTS.is_file() and available()), reason="no published weights, or no h5py to read them")
def test_the_published_weights_fit() -> None:
    model = load_meso4(WEIGHTS)
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())
    assert (model.features[2].running_var > 0).all()
