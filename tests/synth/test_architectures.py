"""The df and liae networks at every size and fold: shapes, cost, arrangement, and what a likeness does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from synth.architectures import Df, Liae, Pair, network_of
from synth.networks import Autoencoder, multiply_accumulates
from synth.recipe import Dims, Recipe

SMALL = Recipe("df", size=64, dims=Dims(16, 6, 6, 4))


def network(**changes: object) -> torch.nn.Module:
    torch.manual_seed(0)
    return network_of(replace(SMALL, **changes)).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize("architecture", ["df", "liae"])
@pytest.mark.parametrize("likeness", [True, False])
@pytest.mark.parametrize(("size", "fold"), [(64, 1), (64, 2), (96, 4), (128, 4), (160, 2), (256, 4)])
def test_face_and_mask_have_the_size_of_the_input(architecture: str, likeness: bool, size: int, fold: int) -> None:
    made = network(architecture=architecture, likeness=likeness, size=size, fold=fold)
    with torch.no_grad():
        face, mask = made(
            torch.randn(2, 4, size, size), torch.rand(2, 4, size, size) if likeness else None, "destination"
        )
    assert face.shape == (2, 3, size, size) and mask.shape == (2, 1, size, size)
    assert all(float(x.min()) >= 0 and float(x.max()) <= 1 and x.dtype == torch.float32 for x in (face, mask))


def test_folding_makes_it_cheaper() -> None:
    costs = [multiply_accumulates(network(size=128, fold=fold), 128) for fold in (1, 2, 4)]
    assert costs[0] > 2 * costs[1] > 2 * costs[2]


def test_df_has_a_decoder_for_each_and_liae_an_inter_more() -> None:
    df, liae = network(), network(architecture="liae")
    assert isinstance(df, Df) and set(df.decoders) == {"source", "destination"}
    assert isinstance(liae, Liae)
    assert {name.split(".")[0] for name in liae.state_dict()} == {
        "encoder",
        "inter_both",
        "inter_destination",
        "decoder",
    }


def test_a_liae_swap_never_passes_the_destinations_own_inter() -> None:
    liae, x, alike = network(architecture="liae"), torch.randn(1, 4, 64, 64), torch.rand(1, 4, 64, 64)
    with torch.no_grad():
        before = {who: liae(x, alike, who)[0] for who in ("source", "destination")}
        liae.inter_destination.spread.bias.add_(1.0)
        after = {who: liae(x, alike, who)[0] for who in ("source", "destination")}
    assert torch.equal(before["source"], after["source"]) and not torch.equal(
        before["destination"], after["destination"]
    )


@pytest.mark.parametrize("architecture", ["df", "liae"])
def test_with_a_likeness_a_fresh_network_starts_near_it(architecture: str) -> None:
    alike = torch.rand(1, 4, 64, 64) * 0.8 + 0.1
    with torch.no_grad():
        face, mask = network(architecture=architecture, pixel_norm=False)(torch.zeros(1, 4, 64, 64), alike, "source")
    assert float((face - alike[:, :3]).abs().mean()) < 0.05 and float((mask - alike[:, 3:]).abs().mean()) < 0.05


def test_pixel_norm_brings_the_plane_to_unit_length() -> None:
    df, x = network(), torch.randn(1, 4, 64, 64)
    with torch.no_grad():
        plane = df.inter(df.encoder(x))  # type: ignore[operator]
    assert torch.allclose(plane.square().mean(1), torch.ones_like(plane[:, 0]), atol=1e-2)


@pytest.mark.parametrize(
    "recipe", [Recipe("quick", size=96), SMALL, replace(SMALL, architecture="liae", likeness=False)]
)
def test_both_people_in_one_forward_are_as_each_alone(recipe: Recipe) -> None:
    torch.manual_seed(0)
    alone, side = network_of(recipe).eval(), recipe.size
    x, alike = torch.randn(4, 4, side, side), torch.rand(4, 4, side, side) if recipe.likeness else None
    with torch.no_grad():
        made = Pair(alone)(x, alike, x[2:])
        for both, who, part in zip(made, ("source", "destination"), (slice(2), slice(2, 4)), strict=False):
            own = alone(x[part], None if alike is None else alike[part], who)
            assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(both, own, strict=True))
        swapped = alone(x[2:], None if alike is None else x[2:], "source")[0]
    assert torch.allclose(made[2][0], swapped, atol=1e-5)


def test_quick96_keeps_its_network() -> None:
    assert isinstance(network_of(Recipe("quick", size=96)), Autoencoder)
