"""The networks: their shapes, their cost, and what their heads start from."""

from __future__ import annotations

import pytest
import torch

from synth.networks import Autoencoder, Decoder, multiply_accumulates


@pytest.fixture(scope="module")
def network() -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(96).eval()


def test_it_costs_no_more_than_a_tenth_of_a_gmac(network: Autoencoder) -> None:
    assert 0.05e9 < multiply_accumulates(network, 96) <= 0.1e9


def test_the_count_is_that_of_the_layers() -> None:
    one = torch.nn.Conv2d(4, 6, 3, padding=1)

    class Wrapped(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = one

        def forward(self, x: torch.Tensor, likeness: torch.Tensor, who: str) -> torch.Tensor:
            return self.one(x)

    assert multiply_accumulates(Wrapped(), 16) == 16 * 16 * 6 * 4 * 9
    assert not any(layer._forward_hooks for layer in Wrapped().modules())


def test_face_and_mask_have_the_size_of_the_input_and_lie_in_the_unit_range(network: Autoencoder) -> None:
    with torch.no_grad():
        face, mask = network(torch.randn(2, 4, 96, 96), torch.rand(2, 4, 96, 96), "source")
    assert face.shape == (2, 3, 96, 96) and mask.shape == (2, 1, 96, 96)
    assert float(face.min()) >= 0 and float(face.max()) <= 1 and float(mask.min()) >= 0 and float(mask.max()) <= 1


def test_the_two_people_share_the_encoder_and_have_a_decoder_each(network: Autoencoder) -> None:
    x, alike = torch.randn(1, 4, 96, 96), torch.rand(1, 4, 96, 96)
    with torch.no_grad():
        one, other = (network(x, alike, who)[0] for who in ("source", "destination"))
    assert not torch.equal(one, other) and set(network.decoders) == {"source", "destination"}


def test_a_fresh_decoder_starts_near_the_likeness() -> None:
    torch.manual_seed(1)
    decoder, alike = Decoder().eval(), torch.rand(1, 4, 96, 96) * 0.8 + 0.1
    with torch.no_grad():
        face, _ = decoder(torch.zeros(1, 96, 6, 6), alike)
    assert float((face - alike[:, :3]).abs().mean()) < 0.05
