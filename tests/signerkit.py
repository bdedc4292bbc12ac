"""Certificates, keys and a time-stamp service for tests, made anew each time."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEM = serialization.Encoding.PEM


def new_key(algorithm: str) -> Any:
    curves = {"es256": ec.SECP256R1(), "es384": ec.SECP384R1(), "es512": ec.SECP521R1(), "koblitz": ec.SECP256K1()}
    if algorithm in curves:
        return ec.generate_private_key(curves[algorithm])
    if algorithm == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


def key_pem(key: Any, passphrase: str | None = None) -> bytes:
    kept = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, kept)


@dataclass
class Studio:
    """Another signer: its root, its certificate and key, and their files."""

    root: x509.Certificate
    leaf: x509.Certificate
    key: Any
    certificate_file: Path
    key_file: Path

    @property
    def chain(self) -> str:
        return (self.leaf.public_bytes(PEM) + self.root.public_bytes(PEM)).decode()

    @property
    def root_pem(self) -> str:
        return self.root.public_bytes(PEM).decode()


def studio(folder: Path, algorithm: str = "es256", days: tuple[int, int] = (-1, 30), purpose: Any = None) -> Studio:
    """A root and a leaf in force from and until so many days from now, written to ``chain.pem`` and ``leaf.key``."""
    folder.mkdir(parents=True, exist_ok=True)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), new_key(algorithm)
    root_name, name = _name("Elsewhere root"), _name("Elsewhere")
    usages = dict.fromkeys(
        (
            [
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ]
        ),
        False,
    )
    root = (
        _builder(root_name, root_name, root_key, root_key, (-60, 60))
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **usages), True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        _builder(name, root_name, key, root_key, days)
        .add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **usages), True)
        .add_extension(
            x509.ExtendedKeyUsage([purpose or ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=purpose is not None
        )
        .sign(root_key, hashes.SHA256())
    )
    made = Studio(root, leaf, key, folder / "chain.pem", folder / "leaf.key")
    made.certificate_file.write_text(made.chain)
    made.key_file.write_bytes(key_pem(key))
    return made


def _name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Elsewhere"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: Any, issuer_key: Any, days: tuple[int, int]) -> Any:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=days[0]))
        .not_valid_after(now + dt.timedelta(days=days[1]))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


@contextmanager
def serving(answer: Any) -> Iterator[tuple[str, list[str]]]:
    """A server on this machine that gives ``answer(body)``; yields its address and the requests that came."""
    came: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(self.path)
            status, kind, content = answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST

        def log_message(self, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tsa", came
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


OPENSSL = shutil.which("openssl")
TSA_SETTINGS = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/leaf.pem
certs = {folder}/chain.pem
signer_key = {folder}/leaf.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
"""


@contextmanager
def time_stamps(folder: Path) -> Iterator[tuple[str, Studio]]:
    """An RFC 3161 service of OpenSSL's; yields its address and its certificates."""
    own = studio(folder, purpose=ExtendedKeyUsageOID.TIME_STAMPING)
    (folder / "leaf.pem").write_bytes(own.leaf.public_bytes(PEM))
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(TSA_SETTINGS.format(folder=folder))

    def answer(query: bytes) -> tuple[int, str, bytes]:
        (folder / "query.tsq").write_bytes(query)
        config, asked, reply = (str(folder / name) for name in ("tsa.cnf", "query.tsq", "reply.tsr"))
        command = [str(OPENSSL), "ts", "-reply", "-config", config, "-queryfile", asked, "-out", reply]
        subprocess.run(command, check=True, capture_output=True)
        return 200, "application/timestamp-reply", (folder / "reply.tsr").read_bytes()

    with serving(answer) as (address, _):
        yield address, own
