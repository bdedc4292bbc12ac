"""The studio's own signing identity: a P-256 root and a leaf certificate, made once in the user's config folder.

The root is what this machine trusts: a file signed here reads "trusted" here and "valid, unknown signer" elsewhere,
unless the root is handed over. Private keys never leave the folder and are readable by the user alone.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.errors import Refused
from datasets.home import home
from datasets.provenance.keyfolder import make_key_folder

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

FOLDER = "credentials"
CHAIN, KEY, ROOT = "chain.pem", "leaf.key", "root.pem"
ORGANISATION = "Counterface"
YEARS = 10


@dataclass(frozen=True)
class Identity:
    """What signing needs, PEM.

    Attributes:
        chain: the leaf certificate and the root, in that order.
        key: the leaf's private key.
        root: the root certificate, the anchor that makes a file read "trusted".
    """

    chain: str
    key: str
    root: str


def existing_root() -> str | None:
    """The root certificate of this machine, PEM, or None when nothing was signed here yet. Makes nothing."""
    return _existing(ROOT)


def existing_chain() -> str | None:
    """The certificate chain of this machine, PEM, or None when nothing was signed here yet. Makes nothing."""
    return _existing(CHAIN)


def _existing(name: str) -> str | None:
    try:
        return (home("config") / FOLDER / name).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None


def identity() -> Identity:
    """The identity of this machine, made on first use.

    Two processes that come first together end with the same one: each makes its own folder aside, and only one
    rename can succeed.

    Raises:
        Refused: the folder cannot be written or its files cannot be read, so nothing could be signed.
    """
    folder = home("config") / FOLDER
    try:
        if not folder.exists():
            make_key_folder(folder, dict(zip((CHAIN, KEY, ROOT), _certificates(), strict=True)))
        made = Identity(*((folder / name).read_text(encoding="ascii") for name in (CHAIN, KEY, ROOT)))
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(
            f"No output can be marked, because the signing keys in {folder} cannot be made or read ({error}); "
            "make the folder writable, or set COUNTERFACE_HOME to another one."
        ) from error
    _check_dates(made, folder)
    return made


def _check_dates(made: Identity, folder: Path) -> None:
    from cryptography import x509

    try:
        leaf = x509.load_pem_x509_certificate(made.chain.encode())
    except ValueError as error:
        raise Refused(
            f"The certificate in {folder} is damaged; move that folder away and a new one is made."
        ) from error
    now = dt.datetime.now(dt.UTC)
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        raise Refused(
            f"The certificate in {folder} holds from {leaf.not_valid_before_utc:%Y-%m-%d} to "
            f"{leaf.not_valid_after_utc:%Y-%m-%d}; check the clock, or move that folder away and a new one is made."
        )


def _certificates() -> tuple[str, str, str]:
    """A new chain, leaf key and root. The root's key signs one leaf and is then forgotten: it can't be stolen."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    tag = f"{x509.random_serial_number():x}"[:8]
    root_name, leaf_name = _name(f"Counterface root {tag}"), _name(f"Counterface studio {tag}")
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    root = (
        _certificate(root_name, root_name, root_key, root_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **usage), critical=True
        )
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        _certificate(leaf_name, root_name, leaf_key, root_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **usage), critical=True
        )
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    root_pem = root.public_bytes(pem).decode()
    key_pem = leaf_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    return leaf.public_bytes(pem).decode() + root_pem, key_pem, root_pem


def _name(common: str) -> x509.Name:
    from cryptography import x509

    return x509.Name(
        [
            x509.NameAttribute(x509.oid.NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, common),
        ]
    )


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, issuer_key: EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    from cryptography import x509

    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))  # a reader's clock may be behind
        .not_valid_after(now + dt.timedelta(days=365 * YEARS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
