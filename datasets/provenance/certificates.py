"""Certificates and keys in PEM: reading them, and finding what is wrong with them before anything is signed.

What C2PA asks of a signer's certificate stands in its specification under "X.509 Certificates"; whether the chain
meets it is left to the signing library, whose verdict the finished file is read back for.
"""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.errors import Refused

if TYPE_CHECKING:
    from cryptography import x509

RSA = ("ps256", "ps384", "ps512")
CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
ALGORITHMS = (*CURVES.values(), *RSA, "ed25519")


def read_chain(pem: str, path: Path | str) -> list[x509.Certificate]:
    """The certificates of a PEM text, in its order. Raises Refused where there is none or one is damaged."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise Refused(f"{path} holds no readable certificate in PEM form ({error}).") from error


def chain_text(chain: list[x509.Certificate]) -> str:
    """The certificates as PEM, without whatever else stood in the file."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in chain)


def check_chain(chain: list[x509.Certificate], path: Path | str) -> None:
    """Refuse a chain that is not in force today or whose order is wrong, with a sentence that says which."""
    now = dt.datetime.now(dt.UTC)
    for certificate in chain:
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise Refused(
                f"The certificate of {certificate.subject.rfc4514_string()} in {path} holds from "
                f"{certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}, so "
                "nothing can be signed with it; give one that is in force, or check the clock."
            )
    for lower, upper in pairwise(chain):
        try:
            lower.verify_directly_issued_by(upper)
        except Exception as error:
            raise Refused(
                f"The certificates in {path} are no chain: {lower.subject.rfc4514_string()} was not issued by the one "
                "after it; the signer's own certificate comes first, then its issuer, then that one's."
            ) from error


def anchor_of(chain: list[x509.Certificate]) -> str | None:
    """The chain's last certificate, PEM, where it is one that issues others: the root it can be trusted by."""
    from cryptography import x509

    last = chain[-1]
    try:
        issues = last.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        issues = False
    return chain_text([last]) if issues else None


def algorithm_of(certificate: x509.Certificate, asked: str | None, path: Path | str) -> str:
    """The C2PA signature algorithm of a certificate's key; for RSA the one asked for, PS256 by default.

    Raises:
        Refused: a key that C2PA does not allow, or another algorithm was asked for than the key has.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    key = certificate.public_key()
    fitting: tuple[str, ...] = ()
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
        fitting = (CURVES[key.curve.name],)
    elif isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048:
        fitting = RSA
    elif isinstance(key, ed25519.Ed25519PublicKey):
        fitting = ("ed25519",)
    if not fitting:
        raise Refused(
            f"The key of the certificate in {path} is of a kind that Content Credentials do not allow; it must be "
            "P-256, P-384, P-521, Ed25519, or RSA of 2048 bits or more."
        )
    if asked is not None and asked.lower() not in fitting:
        raise Refused(f"The key of the certificate in {path} signs with {' or '.join(fitting)}, not with {asked}.")
    return fitting[0] if asked is None else asked.lower()


def load_key(pem: bytes, passphrase: str | None, path: Path | str) -> Any:
    """A private key from PEM.

    Raises:
        Refused: no key, an encrypted one without its passphrase, or a wrong passphrase.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    encrypted = b"ENCRYPTED" in pem
    if encrypted and not passphrase:
        raise Refused(
            f"The key in {path} is encrypted; give its passphrase in the environment variable "
            "COUNTERFACE_SIGN_PASSPHRASE."
        )
    try:
        return load_pem_private_key(pem, passphrase.encode() if encrypted and passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if encrypted:
            raise Refused(f"The key in {path} cannot be opened with the passphrase that was given.") from error
        raise Refused(f"{path} holds no readable private key in PEM form.") from error


def key_text(key: Any) -> str:
    """A private key as PKCS#8 PEM without encryption; it is meant for memory alone."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    text: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return text.decode()


def check_pair(certificate: x509.Certificate, key: Any, chain_path: Path | str, key_path: Path | str) -> None:
    """Refuse a key that is not the certificate's."""
    if key.public_key() != certificate.public_key():
        raise Refused(
            f"The key in {key_path} is not the key of the first certificate in {chain_path} "
            f"({certificate.subject.rfc4514_string()}), so nothing can be signed with the two."
        )


def signature_fits(certificate: x509.Certificate, algorithm: str, data: bytes, signature: bytes) -> bool:
    """Whether a signature of ``data`` was made with the key of the certificate.

    Args:
        algorithm: one of :data:`ALGORITHMS`.
        signature: ECDSA as DER or as r and s one after the other, RSA-PSS (MGF1 of the same hash, salt of its
            length), or Ed25519.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

    key: Any = certificate.public_key()
    digests: dict[str, hashes.HashAlgorithm] = {"384": hashes.SHA384(), "512": hashes.SHA512()}
    digest = digests.get(algorithm[-3:], hashes.SHA256())
    try:
        if algorithm.startswith("es"):
            half = (key.key_size + 7) // 8
            if len(signature) == 2 * half:
                r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
                signature = utils.encode_dss_signature(r, s)
            key.verify(signature, data, ec.ECDSA(digest))
        elif algorithm in RSA:
            pss = padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH)
            key.verify(signature, data, pss, digest)
        else:
            key.verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True
