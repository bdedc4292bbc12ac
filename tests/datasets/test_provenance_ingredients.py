"""Credentials that a clip or picture already carries: kept whole, told apart, never stripped, never fetched."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import c2pa
import cv2
import numpy as np
import pytest
import signerkit
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from datasets.encode import ClipEncoder
from datasets.provenance.consent import from_option
from datasets.provenance.container import LIBRARY_SETTINGS
from datasets.provenance.credentials import sign
from datasets.provenance.ingredients import find
from datasets.provenance.manifest import Ingredient, Making, PixelMarks
from datasets.provenance.reading import Credentials, read_back, read_credentials, read_manifest_bytes
from datasets.video import Frame

CONSENT = from_option("self", "a.mp4", "b.mp4")
KINDS = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
}
IMAGE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A small file of every kind, without Credentials."""
    folder, made = tmp_path_factory.mktemp("plain"), {}
    for suffix in KINDS:
        if suffix in (".mp4", ".mov"):
            path = folder / f"clip{suffix}"
            with ClipEncoder(path, (64, 48), preset="ultrafast") as encoder:
                for index in range(4):
                    encoder.write(Frame(index, index / 25, IMAGE))
            made[suffix] = path.read_bytes()
        else:
            made[suffix] = cv2.imencode(suffix, IMAGE)[1].tobytes()
    return made


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> signerkit.Studio:
    return signerkit.studio(tmp_path_factory.mktemp("other"))


def foreign(content: bytes, kind: str, other: signerkit.Studio, remote: str | None = None) -> tuple[bytes, bytes]:
    """A file signed by another software under another root, with a thumbnail of its own, and its manifest."""
    definition: dict[str, Any] = {
        "claim_generator_info": [{"name": "Other", "version": "9"}],
        "title": "of another",
        "thumbnail": {"format": "image/jpeg", "identifier": "thumb"},
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {
                    "actions": [
                        {
                            "action": "c2pa.created",
                            "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
                        }
                    ]
                },
            }
        ],
    }
    signer = c2pa.Signer.from_callback(
        lambda data: other.key.sign(data, ec.ECDSA(hashes.SHA256())), c2pa.C2paSigningAlg.ES256, other.chain
    )
    target = BytesIO()
    with c2pa.Context.from_dict(LIBRARY_SETTINGS) as context, c2pa.Builder(definition, context=context) as builder:
        builder.add_resource("thumb", BytesIO(b"\xff\xd8\xff THE THUMBNAIL \xff\xd9"))
        if remote is not None:
            builder.set_no_embed()
            builder.set_remote_url(remote)
        with signer:
            made = builder.sign(signer, kind, BytesIO(content), target)
    return target.getvalue(), made


def ours(folder: Path, suffix: str, content: bytes, carried: bytes, kind: str = "swap") -> tuple[Credentials, bytes]:
    """What our own output reads as that opens ``carried`` and places it too; and its manifest."""
    given, out = folder / f"given{suffix}", folder / f"out{suffix}"
    given.write_bytes(carried)
    made_of = (Ingredient(given, "destination", "parentOf"), Ingredient(given, "source", "componentOf"))
    making = Making("out", "quick96", CONSENT, made_of, {}, kind)  # type: ignore[arg-type]
    with out.open("w+b") as target:
        made = sign(making, KINDS[suffix], BytesIO(content), target, PixelMarks(("watermark",), "0a1b2c3d"))
    assert read_back(out, "out", watermark="0a1b2c3d") == "trusted"
    assert given.read_bytes() == carried
    return read_credentials(out), made


@pytest.mark.parametrize("suffix", KINDS)
def test_credentials_of_another_root_are_kept_whole(
    tmp_path: Path, plain: dict[str, bytes], other: signerkit.Studio, suffix: str
) -> None:
    carried, _ = foreign(plain[suffix], KINDS[suffix], other)
    found, made = ours(tmp_path, suffix, plain[suffix], carried)
    assert len(found.ingredients) == 2
    for ingredient in found.ingredients:
        assert ingredient["state"] == "valid" and ingredient["signer"] == "Elsewhere, Elsewhere"
        assert ingredient["generator"] == "Other 9" and ingredient["synthetic"] is False
    assert b"THE THUMBNAIL" in made, "what another put in is not taken out"


@pytest.mark.parametrize("suffix", KINDS)
def test_credentials_that_do_not_hold_are_kept_and_reported(
    tmp_path: Path, plain: dict[str, bytes], other: signerkit.Studio, suffix: str
) -> None:
    carried, manifest = foreign(plain[suffix], KINDS[suffix], other)
    inside = carried.find(manifest[:40])
    cases = {
        "a changed title": carried.find(b"of another"),
        "a changed picture": carried.rfind(b"mdat") + 100 if suffix in (".mp4", ".mov") else None,
        "a box that is not found": inside + 8 + 16,
        "a claim that is not read": carried.find(b"claim_generator_info"),
        "a signature that is not read": carried.find(b"sigTst2") if b"sigTst2" in carried else None,
    }
    if suffix == ".webp":
        cases["a changed picture"] = carried.find(b"VP8") + 60
    elif cases["a changed picture"] is None:
        cases["a changed picture"] = len(carried) - 60
    for what, at in cases.items():
        if at is None:
            continue
        damaged = bytearray(carried)
        damaged[at] ^= 1
        found, made = ours(tmp_path, suffix, plain[suffix], bytes(damaged))
        read = read_credentials(tmp_path / f"given{suffix}")
        assert read.state == "invalid", what
        assert [i["state"] for i in found.ingredients] == ["invalid", "invalid"], what
        assert (b"THE THUMBNAIL" in made) == (read.label is not None and "claim" not in what), what


def test_wherever_a_bit_is_flipped_it_is_reported_and_the_output_holds(
    tmp_path: Path, plain: dict[str, bytes], other: signerkit.Studio
) -> None:
    carried, manifest = foreign(plain[".png"], "image/png", other)
    inside = carried.find(manifest[:40])
    random = np.random.default_rng(4)
    told = set()
    for at in random.integers(inside, inside + len(manifest), 60):
        damaged = bytearray(carried)
        damaged[int(at)] ^= 1 << int(random.integers(8))
        found, _ = ours(tmp_path, ".png", plain[".png"], bytes(damaged))
        state = read_credentials(tmp_path / "given.png").state
        assert {i["state"] for i in found.ingredients} == {state}, at
        told.add(state)
    assert told == {"valid", "invalid"}, "bits that fill space do not count, the others do"


def test_a_manifest_elsewhere_is_named_and_not_fetched(
    tmp_path: Path, plain: dict[str, bytes], other: signerkit.Studio
) -> None:
    with signerkit.serving(lambda body: (200, "application/c2pa", b"")) as (address, came):
        carried, _ = foreign(plain[".jpg"], "image/jpeg", other, remote=address)
        found, _ = ours(tmp_path, ".jpg", plain[".jpg"], carried)
        assert [i["remote"] for i in found.ingredients] == [address, address]
        assert [i["state"] for i in found.ingredients] == ["none", "none"]
        read = read_credentials(tmp_path / "given.jpg")
        assert read.state == "none" and read.remote == address and read.synthetic is None
        assert not came


def test_an_original_of_a_synthetic_clip_does_not_pass_for_real(tmp_path: Path, plain: dict[str, bytes]) -> None:
    real, _ = ours(tmp_path, ".mp4", plain[".mp4"], plain[".mp4"], kind="original")
    assert real.synthetic is False and real.kind == "original"
    assert [a["action"] for a in real.actions] == [
        "c2pa.opened",
        "c2pa.placed",
        "c2pa.transcoded",
        "c2pa.watermarked.bound",
    ]
    assert not any("source_type" in action for action in real.actions)
    ours(tmp_path, ".mp4", plain[".mp4"], plain[".mp4"])
    swap = (tmp_path / "out.mp4").read_bytes()
    copied, _ = ours(tmp_path, ".mp4", plain[".mp4"], swap, kind="original")
    assert copied.synthetic is True and copied.ingredients[0]["synthetic"] is True


@pytest.mark.parametrize("suffix", KINDS)
def test_a_manifest_kept_apart_tells_its_own_state_from_what_it_covers(
    tmp_path: Path, plain: dict[str, bytes], suffix: str
) -> None:
    _, made = ours(tmp_path, suffix, plain[suffix], plain[suffix])
    out, copy = tmp_path / f"out{suffix}", tmp_path / f"copy{suffix}"
    whole = read_manifest_bytes(made, out)
    assert whole.state == "trusted" and whole.covers and whole.by_studio and whole.own
    copy.write_bytes(plain[suffix])
    (tmp_path / "copy.txt").write_text("no container")
    for beside in (copy, tmp_path / "copy.txt", None):
        found = read_manifest_bytes(made, beside)
        assert found.state == "trusted" and not found.covers and found.faults == () and found.soft_binding == "0a1b2c3d"
        assert found.making["consent"] and found.ingredients[0]["title"] == "destination"
    for damaged in (made.replace(b"quick96", b"quick97"), made[:500], b"", b"nothing of the kind"):
        for beside in (out, copy, None):
            assert read_manifest_bytes(damaged, beside).state == "invalid"


def test_the_credentials_of_a_file_are_read_anew_only_when_it_changes(
    tmp_path: Path, plain: dict[str, bytes], other: signerkit.Studio
) -> None:
    path = tmp_path / "clip.jpg"
    path.write_bytes(plain[".jpg"])
    making = Making("x", "none", CONSENT, (Ingredient(path, "clip", "parentOf"),), {}, "preview")
    assert find(making)[0].synthetic is None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datasets.provenance.ingredients.read_credentials", lambda path: pytest.fail("read again"))
        find(making)
    path.write_bytes(foreign(plain[".jpg"], "image/jpeg", other)[0])
    assert find(making)[0].kind is not None and not find(making)[0].damaged
    path.write_bytes(path.read_bytes()[:-40] + bytes(40))
    assert find(making)[0].damaged
