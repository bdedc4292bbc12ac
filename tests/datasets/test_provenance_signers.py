"""Who signs: PEM files of every kind, a program, a callback, a time stamp; and what a person reads when it fails."""

from __future__ import annotations

import stat
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import signerkit
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from datasets.errors import InputError, Refused
from datasets.provenance.consent import from_option
from datasets.provenance.credentials import sign
from datasets.provenance.manifest import Making, PixelMarks
from datasets.provenance.reading import Credentials, read_back, read_credentials
from datasets.provenance.signers import StudioSigner, callback_signer, check_reachable, studio_signer
from datasets.provenance.signersettings import settings_file

MAKING = Making("out", "quick96", from_option("self", "a", "b"), (), {}, "swap")
PICTURE = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path / "home"))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def use(monkeypatch: pytest.MonkeyPatch, **variables: object) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"COUNTERFACE_{name}", str(value))


def signed(folder: Path, signer: StudioSigner | None = None) -> Path:
    path = folder / "out.jpg"
    with path.open("w+b") as target:
        sign(MAKING, "image/jpeg", BytesIO(PICTURE), target, PixelMarks(("badge",)), signer)
    return path


def read(folder: Path, signer: StudioSigner | None = None) -> Credentials:
    path = signed(folder, signer)
    assert read_back(path, "out", signer) == read_credentials(path).state
    return read_credentials(path)


def signature(key: Any, data: bytes) -> bytes:
    made: bytes = key.sign(data, ec.ECDSA(hashes.SHA256()))
    return made


@pytest.mark.parametrize("algorithm", ["es256", "es384", "es512", "ps256", "ed25519"])
def test_a_certificate_and_key_in_files_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str) -> None:
    studio = signerkit.studio(tmp_path, algorithm)
    use(monkeypatch, SIGN_CERT=studio.certificate_file, SIGN_KEY=studio.key_file)
    assert studio_signer().algorithm == algorithm
    found = read(tmp_path)
    assert found.state == "trusted" and found.own and found.by_studio and found.signer == "Elsewhere, Elsewhere"
    assert found.time_from == "signer"
    assert not (tmp_path / "home").exists(), "no own key is made beside"
    # Taken out of the settings again, that signer is one that this machine does not know.
    monkeypatch.delenv("COUNTERFACE_SIGN_CERT")
    monkeypatch.delenv("COUNTERFACE_SIGN_KEY")
    found = read_credentials(tmp_path / "out.jpg")
    assert found.state == "valid" and not found.own
    (tmp_path / "anchors.pem").write_text(studio.root_pem)
    use(monkeypatch, TRUST_ANCHORS=tmp_path / "anchors.pem")
    found = read_credentials(tmp_path / "out.jpg")
    assert found.state == "trusted" and not found.own


def test_the_settings_file_says_it_too_and_the_environment_goes_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_file().parent.mkdir()
    first, second = signerkit.studio(tmp_path / "home" / "first"), signerkit.studio(tmp_path / "second", "es384")
    settings_file().write_text('[signer]\ncertificate = "first/chain.pem"\nkey = "first/leaf.key"\n')
    assert studio_signer().serial == str(first.leaf.serial_number)
    assert read(tmp_path).own
    use(monkeypatch, SIGN_CERT=second.certificate_file)
    with pytest.raises(Refused, match="one of key and command"):  # no key of the file for another's certificate
        studio_signer()
    use(monkeypatch, SIGN_KEY=second.key_file)
    assert studio_signer().algorithm == "es384"


def test_without_the_root_in_the_chain_it_reads_as_valid_and_is_still_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = signerkit.studio(tmp_path)
    studio.certificate_file.write_bytes(studio.leaf.public_bytes(signerkit.PEM))
    use(monkeypatch, SIGN_CERT=studio.certificate_file, SIGN_KEY=studio.key_file)
    assert read(tmp_path).state == "valid"


def test_reading_back_takes_no_other_signer_and_no_other_watermark(tmp_path: Path) -> None:
    path = signed(tmp_path)
    other = signerkit.studio(tmp_path / "other")
    with pytest.raises(Refused, match="not with the callback"):
        read_back(path, "out", callback_signer(other.chain, lambda data: signature(other.key, data)))
    with pytest.raises(Refused, match="0a1b2c3d"):
        read_back(path, "out", watermark="0a1b2c3d")
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(Refused, match="invalid"):
        read_back(path, "out")


def test_an_encrypted_key_asks_for_its_passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = signerkit.studio(tmp_path)
    studio.key_file.write_bytes(signerkit.key_pem(studio.key, "open sesame"))
    use(monkeypatch, SIGN_CERT=studio.certificate_file, SIGN_KEY=studio.key_file)
    with pytest.raises(Refused, match="COUNTERFACE_SIGN_PASSPHRASE"):
        studio_signer()
    use(monkeypatch, SIGN_PASSPHRASE="wrong")
    with pytest.raises(Refused, match="cannot be opened"):
        studio_signer()
    use(monkeypatch, SIGN_PASSPHRASE="open sesame")
    assert read(tmp_path).state == "trusted"
    assert "PRIVATE" not in repr(studio_signer())


def test_what_is_wrong_with_files_is_said_before_anything_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, other = signerkit.studio(tmp_path / "good"), signerkit.studio(tmp_path / "other")
    for name, certificate, key, said in (
        ("another's key", good.certificate_file, other.key_file, "is not the key of"),
        ("no key there", good.certificate_file, tmp_path / "gone.key", r"gone\.key cannot be read: No such file"),
        ("no certificate there", tmp_path / "gone.pem", good.key_file, r"gone\.pem cannot be read: No such file"),
        ("a key as certificate", good.key_file, good.key_file, "no readable certificate"),
        ("a certificate as key", good.certificate_file, good.certificate_file, "no readable private key"),
    ):
        use(monkeypatch, SIGN_CERT=certificate, SIGN_KEY=key)
        with pytest.raises(Refused, match=said):
            studio_signer()
            pytest.fail(name)
    for name, studio, said in (
        ("expired", signerkit.studio(tmp_path / "old", days=(-30, -1)), "holds from"),
        ("not begun", signerkit.studio(tmp_path / "new", days=(1, 30)), "holds from"),
        ("a curve of no use", signerkit.studio(tmp_path / "koblitz", "koblitz"), "do not allow"),
    ):
        use(monkeypatch, SIGN_CERT=studio.certificate_file, SIGN_KEY=studio.key_file)
        with pytest.raises(Refused, match=said):
            studio_signer()
            pytest.fail(name)
    good.certificate_file.write_bytes(good.leaf.public_bytes(signerkit.PEM) + other.root.public_bytes(signerkit.PEM))
    use(monkeypatch, SIGN_CERT=good.certificate_file, SIGN_KEY=good.key_file)
    with pytest.raises(Refused, match="no chain"):
        studio_signer()
    assert not (tmp_path / "home").exists(), "nothing was signed with the own key instead"


def test_a_certificate_for_another_purpose_signs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = signerkit.studio(tmp_path, purpose=ExtendedKeyUsageOID.SERVER_AUTH)
    use(monkeypatch, SIGN_CERT=studio.certificate_file, SIGN_KEY=studio.key_file)
    with pytest.raises(Refused, match="e-mail protection or document signing"):
        signed(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[signer", "not readable TOML"),
        ("[singer]\n", r"\[singer\] is not known"),
        ("[signer]\ncertificat = 'a'\n", "certificat in"),
        ("[signer]\ncertificate = 3\n", "must be text"),
        ("[signer]\ncommand = 'sign me'\n", "list of words"),
        ("[signer]\nkey = 'a'\n", "no certificate"),
        ("[signer]\ncertificate = 'a'\nkey = 'a'\ncommand = ['a']\n", "one of key and command"),
        ("[time_stamp]\naddress = 'ftp://x'\n", "http"),
        ("[time_stamp]\naddress = 'http://x:99999999'\n", "http"),
        ("[time_stamp]\naddress = 'http://[::1'\n", "http"),
        ("[trust]\nanchors = 'gone.pem'\n", r"gone\.pem cannot be read"),
    ],
)
def test_settings_that_are_not_understood(tmp_path: Path, text: str, said: str) -> None:
    settings_file().parent.mkdir()
    settings_file().write_text(text)
    with pytest.raises((InputError, Refused), match=said):
        studio_signer()


def test_a_signing_command_that_is_not_quoted_as_in_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, SIGN_COMMAND="hsm-sign 'slot 3")
    with pytest.raises(InputError, match="COUNTERFACE_SIGN_COMMAND is not quoted"):
        studio_signer()


def test_a_callback_keeps_the_key_where_it_is(tmp_path: Path) -> None:
    studio = signerkit.studio(tmp_path)
    asked: list[bytes] = []

    def callback(data: bytes) -> bytes:
        asked.append(data)
        return signature(studio.key, data)

    path = signed(tmp_path, callback_signer(studio.chain, callback))
    assert read_credentials(path).state == "valid" and len(asked) == 1


def test_a_callback_that_fails_is_heard(tmp_path: Path) -> None:
    studio, other = signerkit.studio(tmp_path), signerkit.studio(tmp_path / "other")
    with pytest.raises(Refused, match="does not fit"):
        signed(tmp_path, callback_signer(studio.chain, lambda data: signature(other.key, data)))

    def stopped(data: bytes) -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        signed(tmp_path, callback_signer(studio.chain, stopped))


PROGRAM = """#!{python}
import sys
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
key = serialization.load_pem_private_key(open(sys.argv[1], "rb").read(), None)
sys.stdout.buffer.write(key.sign(sys.stdin.buffer.read(), ec.ECDSA(hashes.SHA256())))
"""


def test_a_program_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = signerkit.studio(tmp_path / "a folder")
    program = tmp_path / "hsm-sign"
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    use(monkeypatch, SIGN_CERT=studio.certificate_file, SIGN_COMMAND=f"{program} '{studio.key_file}'")
    assert read(tmp_path).own
    use(monkeypatch, SIGN_COMMAND=f"{program} nothing.key")
    with pytest.raises(Refused, match="exit code 1: FileNotFoundError"):
        signed(tmp_path)
    use(monkeypatch, SIGN_COMMAND=f"{tmp_path / 'gone'}")
    with pytest.raises(Refused, match="cannot be run"):
        signed(tmp_path)


@pytest.mark.skipif(signerkit.OPENSSL is None, reason="needs the openssl program for a time-stamp service")
def test_a_time_stamp_is_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with signerkit.time_stamps(tmp_path / "tsa") as (address, service):
        use(monkeypatch, TSA=address)
        check_reachable(studio_signer())
        found = read(tmp_path)
        assert found.state == "trusted" and found.time_stamped and found.time_from == "service"
        (tmp_path / "anchors.pem").write_text(service.root_pem)
        use(monkeypatch, TRUST_ANCHORS=tmp_path / "anchors.pem")
        assert read_credentials(tmp_path / "out.jpg").time_from == "trusted service"


def test_without_the_time_stamp_that_was_asked_for_nothing_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with signerkit.serving(lambda query: (200, "text/html", b"<html>")) as (address, came):
        use(monkeypatch, TSA=address)
        with pytest.raises(Refused, match="No time stamp could be had"):
            signed(tmp_path)
        assert came
    with pytest.raises(Refused, match=r"No time stamp.*refused"):
        check_reachable(studio_signer())
    with pytest.raises(Refused, match="No time stamp"):
        signed(tmp_path)
    use(monkeypatch, TSA="")
    assert read(tmp_path).time_from == "signer"


def test_reading_says_when_the_anchors_that_were_set_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = signed(tmp_path)
    use(monkeypatch, TRUST_ANCHORS=tmp_path / "gone.pem")
    with pytest.raises(InputError, match=r"gone\.pem cannot be read"):
        read_credentials(path)
