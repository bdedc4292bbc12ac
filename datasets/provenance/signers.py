"""Who signs: this machine's own key, a certificate and key in PEM files, or a key that never leaves its device.

Which one it is say the user's settings (:mod:`datasets.provenance.signersettings`). Whatever is wrong with them is said
before anything is signed, and nothing is ever signed with another key instead.

A signing program reads the bytes to be signed on its standard input and writes the signature of their SHA-2 hash
(ECDSA as DER or as r and s, RSA-PSS, or Ed25519 of the bytes themselves) to its standard output.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from datasets.errors import InputError, Refused
from datasets.home import home
from datasets.provenance.certificates import (
    algorithm_of,
    anchor_of,
    chain_text,
    check_chain,
    check_pair,
    key_text,
    load_key,
    read_chain,
    signature_fits,
)
from datasets.provenance.identity import CHAIN, FOLDER, KEY, existing_chain, existing_root, identity
from datasets.provenance.signersettings import PASSPHRASE, VARIABLES, SignerSettings, settings_file, signer_settings

__all__ = [
    "StudioSigner",
    "callback_signer",
    "check_reachable",
    "own_serials",
    "studio_signer",
    "trust_anchors",
]

COMMAND_SECONDS = 120
CONNECT_SECONDS = 10

Callback = Callable[[bytes], bytes]


@dataclass(frozen=True)
class StudioSigner:
    """What one signature needs. Made by :func:`studio_signer` or :func:`callback_signer`, which check it.

    Attributes:
        chain: PEM, the signer's certificate first.
        algorithm: one of :data:`~datasets.provenance.certificates.ALGORITHMS`.
        key: the private key, PKCS#8 PEM, or None where a callback signs.
        callback: signs bytes, or None where the key does.
        time_stamp: address of an RFC 3161 service, or None.
        name: what it is, in words, for messages.
    """

    chain: str
    algorithm: str
    key: str | None = field(repr=False)
    callback: Callback | None
    time_stamp: str | None
    name: str

    @property
    def serial(self) -> str:
        """The serial number of the signer's certificate, decimal."""
        return str(read_chain(self.chain, self.name)[0].serial_number)


def studio_signer(settings: SignerSettings | None = None) -> StudioSigner:
    """The signer that the settings name, checked as far as possible without signing; by default the own key.

    Args:
        settings: None reads them (:func:`signer_settings`).

    Raises:
        InputError: the settings are not understood.
        Refused: a file is missing, the certificate has expired, the key is another's, is encrypted and no passphrase
            was given, or is of a kind that Content Credentials do not allow. Nothing is signed with another key
            instead.
    """
    settings = signer_settings() if settings is None else settings
    if settings.anchors is not None:
        # The finished file is read back with them, and that is too late to learn that they are not there.
        read_chain(_text(settings.anchors, "file of trust anchors"), settings.anchors)
    address = _checked_address(settings.time_stamp)
    if settings.certificate is None:
        if settings.key or settings.command or settings.algorithm:
            raise Refused(
                "A key or a signing program is set and no certificate: set certificate in "
                f"{settings_file()} or {VARIABLES['certificate']}."
            )
        own, files = identity(), home("config") / FOLDER
        # A damaged key must stop the work before it begins, like one of the settings.
        pair = read_chain(own.chain, files / CHAIN)[0], load_key(own.key.encode(), None, files / KEY)
        check_pair(*pair, files / CHAIN, files / KEY)
        return StudioSigner(own.chain, "es256", own.key, None, address, "this machine's own key")
    if (settings.key is None) == (settings.command is None):
        raise Refused(
            f"For the certificate {settings.certificate} one of key and command must be set in {settings_file()}, "
            f"or one of {VARIABLES['key']} and {VARIABLES['command']}."
        )
    text = _text(settings.certificate, "certificate")
    if settings.command is not None:
        callback = _program(settings.command)
        name = f"the signing program {settings.command[0]}"
        return callback_signer(text, callback, settings.algorithm, address, name, settings.certificate)
    assert settings.key is not None
    chain = read_chain(text, settings.certificate)
    check_chain(chain, settings.certificate)
    key = load_key(_text(settings.key, "key").encode(), os.environ.get(PASSPHRASE), settings.key)
    check_pair(chain[0], key, settings.certificate, settings.key)
    algorithm = algorithm_of(chain[0], settings.algorithm, settings.certificate)
    return StudioSigner(chain_text(chain), algorithm, key_text(key), None, address, f"the key in {settings.key}")


def callback_signer(
    chain: str,
    callback: Callback,
    algorithm: str | None = None,
    time_stamp: str | None = None,
    name: str = "the callback",
    path: Path | str = "the certificate chain",
) -> StudioSigner:
    """A signer whose key stays where it is, e.g. in a hardware security module.

    Args:
        chain: PEM, the signer's certificate first, then its issuers.
        callback: given the bytes to be signed, returns the signature: ECDSA as DER or as r and s, RSA-PSS with a salt
            of the hash's length, or Ed25519. Each one is checked against the certificate before it is used.
        algorithm: only for RSA: ``ps256``, ``ps384`` or ``ps512``.
        time_stamp: address of an RFC 3161 service, or None.
        name, path: of the signer and of the chain, for messages.

    Raises:
        Refused: the chain is damaged, not in force, or of a kind that Content Credentials do not allow.
    """
    certificates = read_chain(chain, path)
    check_chain(certificates, path)
    algorithm = algorithm_of(certificates[0], algorithm, path)

    def checked(data: bytes) -> bytes:
        signature = callback(data)
        if not signature_fits(certificates[0], algorithm, data, signature):
            raise Refused(
                f"{name[0].upper()}{name[1:]} gave a signature that does not fit the first certificate in {path} "
                f"({certificates[0].subject.rfc4514_string()}, {algorithm}), so nothing was signed."
            )
        return signature

    return StudioSigner(chain_text(certificates), algorithm, None, checked, _checked_address(time_stamp), name)


def _program(command: Sequence[str]) -> Callback:
    def signed(data: bytes) -> bytes:
        try:
            done = subprocess.run(command, input=data, capture_output=True, timeout=COMMAND_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise Refused(f"The signing program {command[0]} gave no answer in {COMMAND_SECONDS} s.") from error
        except OSError as error:
            raise Refused(f"The signing program {command[0]} cannot be run: {error.strerror}.") from error
        if done.returncode:
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise Refused(
                f"The signing program {command[0]} failed with exit code {done.returncode}"
                f"{': ' + last[0] if last else ''}."
            )
        return done.stdout

    return signed


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise Refused(f"The signer's {what} {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Refused(f"The signer's {what} {path} is not in PEM form.") from error


def _checked_address(address: str | None) -> str | None:
    if address is None:
        return None
    try:
        parts = urlsplit(address)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # of the port, or of what stands in brackets
        known = False
    if not known:
        raise Refused(
            f"The address of the time-stamp service must be one that begins with http:// or https://, not {address}."
        )
    return address


def check_reachable(signer: StudioSigner) -> None:
    """Refuse before the work begins where the time-stamp service cannot be reached; nothing where none is set.

    Raises:
        Refused: no connection within 10 s. An output without the time stamp that was asked for is not written.
    """
    if signer.time_stamp is None:
        return
    from urllib.request import getproxies

    parts = urlsplit(signer.time_stamp)
    if parts.scheme in getproxies():
        return  # only the proxy can say it
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((str(parts.hostname), port), CONNECT_SECONDS).close()
    except OSError as error:
        raise unreachable(signer.time_stamp, str(error.strerror or error)) from error


def unreachable(address: str, why: str) -> Refused:
    """The sentence for a time stamp that was asked for and cannot be had."""
    return Refused(
        f"No time stamp could be had from {address} ({why.rstrip('.')}), and without the one that was asked for "
        f"nothing is signed; try again later, or take the address out of {settings_file()} or "
        f"{VARIABLES['time_stamp']}."
    )


def trust_anchors() -> str | None:
    """The roots whose files read "trusted" here, PEM, or None: the own one, the configured signer's, and the file's.

    No key is needed or made.

    Raises:
        InputError: the settings or a file that they name cannot be read.
    """
    settings = signer_settings()
    found = [existing_root()]
    try:
        if settings.certificate is not None:
            found.append(anchor_of(read_chain(_text(settings.certificate, "certificate"), settings.certificate)))
        if settings.anchors is not None:
            found.append(chain_text(read_chain(_text(settings.anchors, "file of trust anchors"), settings.anchors)))
    except Refused as error:
        raise InputError(str(error)) from error
    return "".join(anchor for anchor in found if anchor) or None


def own_serials() -> frozenset[str]:
    """Serial numbers, decimal, of the certificates that this machine signs with: its own and the configured one."""
    serials = set()
    own, settings = existing_chain(), signer_settings()
    try:
        if own is not None:
            serials.add(str(read_chain(own, "the own chain")[0].serial_number))
        if settings.certificate is not None:
            chain = read_chain(_text(settings.certificate, "certificate"), settings.certificate)
            serials.add(str(chain[0].serial_number))
    except Refused:
        pass  # said by trust_anchors, which is read first
    return frozenset(serials)
