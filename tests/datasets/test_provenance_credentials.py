"""The signing identity and the manifest: what is in it, what is not, and when it stops holding."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import c2pa
import cv2
import numpy as np
import pytest

from datasets.encode import ClipEncoder
from datasets.errors import InputError, Refused
from datasets.home import home
from datasets.provenance.consent import from_option
from datasets.provenance.container import media_type
from datasets.provenance.credentialreport import understood
from datasets.provenance.credentials import sign
from datasets.provenance.identity import existing_root, identity
from datasets.provenance.manifest import (
    SOFT_BINDING_ALGORITHM,
    Ingredient,
    Making,
    PixelMarks,
    manifest,
    require_consent,
    settings_hash,
)
from datasets.provenance.reading import read_credentials
from datasets.video import Frame

CONSENT = from_option("self", "a.mp4", "b.mp4")


def picture(format: str = ".jpg") -> bytes:
    return cv2.imencode(format, np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8))[1].tobytes()


def making(*ingredients: Ingredient, kind: str = "swap") -> Making:
    return Making("out", "quick96", CONSENT, ingredients, {"steps": 10}, kind)  # type: ignore[arg-type]


def signed(path: Path, what: Making) -> Path:
    with path.open("w+b") as target:
        sign(what, "image/jpeg", BytesIO(picture()), target, PixelMarks(("badge",)))
    return path


@pytest.fixture
def fresh_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_keys_are_made_once_and_only_the_user_can_read_them(fresh_home: Path) -> None:
    assert existing_root() is None
    first = identity()
    assert identity() == first and existing_root() == first.root
    files = [path for path in fresh_home.rglob("*") if path.is_file()]
    assert len(files) == 3
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [path.name for path in home("config").iterdir()] == ["credentials"]


def test_the_certificate_is_what_the_standard_asks_for(fresh_home: Path) -> None:
    from cryptography import x509

    leaf, root = x509.load_pem_x509_certificates(identity().chain.encode())
    leaf.verify_directly_issued_by(root)
    extensions = leaf.extensions
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_cert_sign
    purposes = list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    assert purposes == [x509.oid.ExtendedKeyUsageOID.EMAIL_PROTECTION]
    assert extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    assert extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    assert leaf.public_key().curve.name == "secp256r1"  # type: ignore[union-attr]


def test_processes_that_come_first_together_get_the_same_keys(fresh_home: Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert len(set(pool.starmap(identity, [()] * 8))) == 1
    assert [path.name for path in home("config").iterdir()] == ["credentials"]


def test_without_a_place_for_keys_nothing_is_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path / "file"))
    with pytest.raises(Refused, match="COUNTERFACE_HOME"):
        identity()


def test_damaged_keys_are_refused(fresh_home: Path) -> None:
    identity()
    (fresh_home / "credentials" / "chain.pem").write_text("nothing")
    with pytest.raises(Refused, match="damaged"):
        identity()
    (fresh_home / "credentials" / "chain.pem").write_bytes(b"\xff\xfe")
    with pytest.raises(Refused, match="cannot be made or read"):
        identity()


def test_a_key_that_does_not_fit_its_certificate_signs_nothing(fresh_home: Path) -> None:
    identity()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (fresh_home / "credentials" / "leaf.key").write_bytes(other)
    with pytest.raises(Refused, match="nothing can be signed"):
        sign(making(), "image/jpeg", BytesIO(picture()), BytesIO(), PixelMarks(("badge",)))


def test_a_swap_opens_the_destination_places_the_source_and_declares_the_face(tmp_path: Path) -> None:
    destination, source = tmp_path / "d.jpg", tmp_path / "s.jpg"
    destination.write_bytes(picture())
    source.write_bytes(picture())
    what = making(Ingredient(source, "source", "componentOf"), Ingredient(destination, "destination", "parentOf"))
    read = read_credentials(signed(tmp_path / "out.jpg", what))
    assert read.state == "trusted" and read.by_studio and read.faults == ()
    assert [a["action"] for a in read.actions] == ["c2pa.opened", "c2pa.placed", "c2pa.edited"]
    assert read.actions[-1]["source_type"] == "compositeWithTrainedAlgorithmicMedia"
    assert {(i["title"], i["relationship"], i["state"]) for i in read.ingredients} == {
        ("source", "componentOf", "none"),
        ("destination", "parentOf", "none"),
    }
    assert read.making["consent"] == [record.to_table() for record in CONSENT]
    assert read.making["method"] == "quick96" and read.making["pixel_marks"] == ["badge"]
    assert read.making["settings_sha256"] == settings_hash({"steps": 10})


def test_an_animation_does_not_claim_a_trained_model(tmp_path: Path) -> None:
    portrait = tmp_path / "p.png"
    portrait.write_bytes(picture(".png"))
    what = making(Ingredient(portrait, "portrait", "parentOf"), kind="animation")
    read = read_credentials(signed(tmp_path / "out.jpg", what))
    assert [a["action"] for a in read.actions] == ["c2pa.opened", "c2pa.edited"]
    assert read.actions[-1]["source_type"] == "compositeSynthetic"


def test_without_a_parent_it_was_created(tmp_path: Path) -> None:
    read = read_credentials(signed(tmp_path / "out.jpg", making(kind="preview")))
    assert [a["action"] for a in read.actions] == ["c2pa.created", "c2pa.edited"]


def test_the_manifest_holds_no_picture(tmp_path: Path) -> None:
    destination = tmp_path / "d.jpg"
    destination.write_bytes(picture())
    data = sign(
        making(Ingredient(destination, "d", "parentOf")),
        "image/jpeg",
        BytesIO(picture()),
        BytesIO(),
        PixelMarks(("badge",)),
    )
    assert b"thumbnail" not in data and b"\xff\xd8\xff" not in data and len(data) < 10_000


def test_credentials_of_an_ingredient_are_kept(tmp_path: Path) -> None:
    first = signed(tmp_path / "first.jpg", making(kind="animation"))
    second = signed(tmp_path / "second.jpg", making(Ingredient(first, "first", "parentOf")))
    (ingredient,) = read_credentials(second).ingredients
    assert ingredient["state"] == "valid" and "Counterface" in ingredient["signer"]
    # Also where the name of the file lies about its kind.
    disguised = tmp_path / "first.png"
    disguised.write_bytes(first.read_bytes())
    third = signed(tmp_path / "third.jpg", making(Ingredient(disguised, "first", "parentOf")))
    assert read_credentials(third).ingredients[0]["state"] == "valid"


def test_an_ingredient_that_was_tampered_with_is_told(tmp_path: Path) -> None:
    first = signed(tmp_path / "first.jpg", making(kind="animation"))
    flip(first, -100)
    read = read_credentials(signed(tmp_path / "second.jpg", making(Ingredient(first, "first", "parentOf"))))
    assert read.state == "trusted" and read.ingredients[0]["state"] == "invalid"


def test_an_ingredient_that_cannot_carry_credentials_is_named_by_its_hash(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mkv"
    clip.write_bytes(b"\x1a\x45\xdf\xa3 something")
    read = read_credentials(signed(tmp_path / "out.jpg", making(Ingredient(clip, "clip", "parentOf"))))
    assert read.state == "trusted" and read.ingredients[0]["title"] == "clip"
    assert len(read.making["ingredients"][0]["sha256"]) == 64


def test_an_ingredient_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.mp4"):
        signed(tmp_path / "out.jpg", making(Ingredient(tmp_path / "gone.mp4", "gone", "parentOf")))


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_one_flipped_bit_is_seen(tmp_path: Path) -> None:
    path = signed(tmp_path / "out.jpg", making())
    size = path.stat().st_size
    for at in np.random.default_rng(1).integers(size // 2, size - 2, 6):
        flip(path, int(at))
        assert read_credentials(path).state == "invalid"
        flip(path, int(at))
    assert read_credentials(path).state == "trusted"
    method = path.read_bytes().find(b"quick96")
    flip(path, method)
    read = read_credentials(path)
    assert read.state == "invalid" and read.faults and not read.by_studio


def test_another_studio_reads_it_as_valid_of_an_unknown_signer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = signed(tmp_path / "out.jpg", making())
    for home_of_other in ("none", "other"):
        monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path / home_of_other))
        if home_of_other == "other":
            identity()
        read = read_credentials(path)
        assert read.state == "valid" and read.by_studio
    assert not (tmp_path / "none").exists(), "reading makes no keys"


def test_the_settings_hash_follows_the_values_and_not_their_order() -> None:
    assert settings_hash({"a": 1, "b": Path("x")}) == settings_hash({"b": Path("x"), "a": 1})
    assert settings_hash({"a": 1}) != settings_hash({"a": 2})


def test_the_kind_of_a_file_is_read_from_its_first_bytes(tmp_path: Path) -> None:
    for name, head, kind in (
        ("a.txt", picture(), "image/jpeg"),
        ("b.jpg", picture(".png"), "image/png"),
        ("c.jpg", b"\x00\x00\x00\x18ftypisom", "video/mp4"),
        ("d", b"\x00\x00\x00\x14ftypqt  ", "video/quicktime"),
        ("e.mp4", b"hello there, no video", None),
        ("f.mp4", b"", None),
    ):
        (tmp_path / name).write_bytes(head)
        assert media_type(tmp_path / name) == kind


def test_the_manifest_names_the_software() -> None:
    (info,) = manifest(making(), "image/jpeg", PixelMarks(("badge",)))["claim_generator_info"]
    assert info["name"] == "counterface" and info["version"]


SIGN_A_LONG_CLIP = """
import resource, sys
from pathlib import Path
from datasets.provenance.consent import from_option
from datasets.provenance.credentials import sign
from datasets.provenance.manifest import Making, PixelMarks
from datasets.provenance.reading import read_credentials

making = Making("out", "test", from_option("self", "a", "b"), (), {}, "swap")
peaks = []
for name in sys.argv[1:]:
    out = Path(name + ".signed")
    with open(name, "rb") as source, out.open("w+b") as target:
        sign(making, "video/mp4", source, target, PixelMarks(("badge",)))
    assert read_credentials(out).state == "trusted"
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
print(*peaks)
"""


def long_clip(path: Path, megabytes: int) -> Path:
    """A playable mp4 of one frame whose box of media data, the last in the file, goes on with zeros."""
    with ClipEncoder(path, (64, 48), preset="ultrafast") as encoder:
        encoder.write(Frame(0, 0.0, np.zeros((48, 64, 3), np.uint8)))
    data = path.read_bytes()
    box = data.rfind(b"mdat") - 4
    with path.open("r+b") as file:
        file.seek(box)
        file.write((megabytes * 1_000_000).to_bytes(4, "big"))
        file.truncate(box + megabytes * 1_000_000)
    return path


def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    files = [str(long_clip(tmp_path / f"{megabytes}.mp4", megabytes)) for megabytes in (40, 240)]
    script = tmp_path / "sign.py"
    script.write_text(SIGN_A_LONG_CLIP)
    done = subprocess.run(
        [sys.executable, script, *files],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    short, long = (int(word) for word in done.stdout.split())
    assert long - short < 30, "MB"


@pytest.mark.parametrize("megabytes", [1, 3, 31, 33])
def test_one_flipped_bit_is_seen_in_clips_of_every_length(tmp_path: Path, megabytes: int) -> None:
    clip, out = long_clip(tmp_path / "in.mp4", megabytes), tmp_path / "out.mp4"
    with clip.open("rb") as source, out.open("w+b") as target:
        sign(making(), "video/mp4", source, target, PixelMarks(("badge",)))
    assert read_credentials(out).state == "trusted"
    size = out.stat().st_size
    inside = np.random.default_rng(2).integers(20_000, size, 3).tolist()
    for at in (size - 1, size - 900_000, out.read_bytes()[:20_000].find(b"moov") + 200, *inside):
        for expected in ("invalid", "trusted"):
            with out.open("r+b") as file:
                file.seek(at)
                bit = bytes([file.read(1)[0] ^ 1])
                file.seek(at)
                file.write(bit)
            assert read_credentials(out).state == expected, at


def test_the_watermark_is_bound(tmp_path: Path) -> None:
    for suffix, kind in ((".jpg", "image/jpeg"), (".png", "image/png")):
        destination, out = tmp_path / f"d{suffix}", tmp_path / f"out{suffix}"
        destination.write_bytes(picture(suffix))
        what = making(Ingredient(destination, "destination", "parentOf"), Ingredient(destination, "s", "componentOf"))
        with out.open("w+b") as target:
            sign(what, kind, BytesIO(picture(suffix)), target, PixelMarks(("watermark", "badge"), "0a1b2c3d"))
        read = read_credentials(out)
        assert (
            read.state == "trusted" and read.soft_binding == "0a1b2c3d" and read.making["pixel_marks"][0] == "watermark"
        )
        order = ["c2pa.opened", "c2pa.placed", "c2pa.edited", "c2pa.watermarked.bound"]
        assert [action["action"] for action in read.actions] == order
        assert read.synthetic is True and read.kind == "swap" and read.time and read.time_from == "signer"
    with pytest.raises(ValueError, match="hex"):
        PixelMarks((), "0A1B2C3D")


def test_the_soft_binding_reads_as_the_standard_writes_it(tmp_path: Path) -> None:
    with (tmp_path / "out.jpg").open("w+b") as target:
        sign(making(), "image/jpeg", BytesIO(picture()), target, PixelMarks((), "0a1b2c3d"))
    with c2pa.Reader(tmp_path / "out.jpg") as reader:
        active = json.loads(reader.json())
        claim = json.loads(reader.detailed_json())["manifests"][active["active_manifest"]]["claim"]
    data = {a["label"]: a["data"] for a in active["manifests"][active["active_manifest"]]["assertions"]}
    binding = data["c2pa.soft-binding"]
    assert binding["alg"] == SOFT_BINDING_ALGORITHM and binding["blocks"] == [{"scope": {}, "value": "0a1b2c3d"}]
    # Our own statements are the signer's; what the user entered is listed as gathered from elsewhere.
    created = {entry["url"].rsplit("/", 1)[-1] for entry in claim["created_assertions"]}
    gathered = {entry["url"].rsplit("/", 1)[-1] for entry in claim["gathered_assertions"]}
    assert {"c2pa.actions.v2", "c2pa.soft-binding", "org.counterface.making"} <= created
    assert gathered == {"org.counterface.consent"}


def test_the_manifest_holds_no_more_about_people_than_the_user_entered(tmp_path: Path) -> None:
    home_of_user = tmp_path / "home" / "anna.mueller"
    home_of_user.mkdir(parents=True)
    clip = home_of_user / "clip.jpg"
    clip.write_bytes(picture())
    record = from_option("self", "A. M.", "B. N.")
    what = Making(
        str(home_of_user / "out.jpg"),
        "quick96",
        record,
        (Ingredient(clip, str(clip), "parentOf"), Ingredient(clip, "3/4 view", "componentOf")),
        {"workspace": str(home_of_user)},
        "swap",
    )
    with (tmp_path / "out.jpg").open("w+b") as target:
        made = sign(what, "image/jpeg", BytesIO(picture()), target, PixelMarks(("badge",)))
    for private in (b"anna", b"mueller", str(tmp_path).encode(), str(Path.home()).encode()):
        assert private not in made
    with c2pa.Reader(tmp_path / "out.jpg") as reader:
        assert "@" not in reader.detailed_json(), "no e-mail"
    read = read_credentials(tmp_path / "out.jpg")
    assert [i["title"] for i in read.ingredients] == ["clip.jpg", "3/4 view"]
    assert read.making["consent"] == [one.to_table() for one in record]


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        ("/home/anna/clip.mp4", "clip.mp4"),
        ("C:\\Users\\anna\\clip.mp4", "clip.mp4"),
        ("../anna/clip.mp4", "clip.mp4"),
        ("anna/clips/clip.mp4", "clip.mp4"),
        ("~/clip.mp4", "clip.mp4"),
        ("/clip", "clip"),
        ("clip.mp4", "clip.mp4"),
        ("Portrait, 3/4 view", "Portrait, 3/4 view"),
        ("Astronaut / NASA", "Astronaut / NASA"),
    ],
)
def test_titles_have_no_folders(title: str, kept: str) -> None:
    assert manifest(Making(title, "m", CONSENT, (), {}, "swap"), "image/jpeg", PixelMarks(()))["title"] == kept


def test_an_original_needs_the_record_of_its_own_face_and_the_clip_it_copies() -> None:
    destination = tuple(record for record in CONSENT if record.role == "destination")
    original = Making("o", "transcode", destination, (), {}, "original")
    require_consent(original)
    with pytest.raises(Refused, match="destination"):
        require_consent(Making("o", "transcode", (), (), {}, "original"))
    with pytest.raises(Refused, match="source"):
        require_consent(Making("o", "quick96", destination, (), {}, "swap"))
    with pytest.raises(ValueError, match="parentOf"):
        manifest(original, "image/jpeg", PixelMarks(()))


def test_a_manifest_can_hold_anything_and_reading_does_not_fall_over_it() -> None:
    odd: tuple[Any, ...] = (
        "text",
        3,
        None,
        [],
        [1, "a", None],
        {},
        {"records": 3},
        {"actions": "x"},
        {"blocks": [3], "alg": 7},
    )
    labels = ("c2pa.actions.v2", "org.counterface.making", "org.counterface.consent", "c2pa.soft-binding")
    for label in labels:
        for data in odd:
            store = {
                "active_manifest": "a",
                "validation_state": "Valid",
                "manifests": {"a": {"assertions": [{"label": label, "data": data}]}},
            }
            read = understood(store, ())
            assert read.state == "valid" and read.soft_binding is None and read.synthetic is None
