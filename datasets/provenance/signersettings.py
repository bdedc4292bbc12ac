"""The signing settings of the user: ``signing.toml`` in the studio's config folder, and environment variables.

Without any, every output is signed with the machine's own key and nothing uses the network. Paths in the file are
taken from its folder; environment variables go before it::

    [signer]
    certificate = "chain.pem"          # COUNTERFACE_SIGN_CERT: the signer's certificate first, then its issuers
    key = "signer.key"                 # COUNTERFACE_SIGN_KEY: its private key; or, instead of a key,
    command = ["hsm-sign", "--slot=3"] # COUNTERFACE_SIGN_COMMAND: a program that signs (one line, quoted as in a shell)
    algorithm = "ps256"                # only for RSA: ps256, ps384 or ps512; else the key itself says it

    [time_stamp]
    address = "http://..."             # COUNTERFACE_TSA: an RFC 3161 time-stamp service; empty switches it off

    [trust]
    anchors = "anchors.pem"            # COUNTERFACE_TRUST_ANCHORS: more roots whose files shall read "trusted"

The passphrase of an encrypted key is read from ``COUNTERFACE_SIGN_PASSPHRASE`` alone, so that it stands in no file.
"""

from __future__ import annotations

import os
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.errors import InputError
from datasets.home import home

FILE = "signing.toml"
VARIABLES = {
    "certificate": "COUNTERFACE_SIGN_CERT",
    "key": "COUNTERFACE_SIGN_KEY",
    "command": "COUNTERFACE_SIGN_COMMAND",
    "algorithm": "COUNTERFACE_SIGN_ALGORITHM",
    "time_stamp": "COUNTERFACE_TSA",
    "anchors": "COUNTERFACE_TRUST_ANCHORS",
}
PASSPHRASE = "COUNTERFACE_SIGN_PASSPHRASE"
SIGNER = ("certificate", "key", "command", "algorithm")
TABLES: dict[str, dict[str, str]] = {
    "signer": {name: name for name in SIGNER},
    "time_stamp": {"address": "time_stamp"},
    "trust": {"anchors": "anchors"},
}


@dataclass(frozen=True)
class SignerSettings:
    """What the user has set, unread: None stands for the default. Paths are absolute or from the working folder."""

    certificate: Path | None = None
    key: Path | None = None
    command: tuple[str, ...] | None = None
    algorithm: str | None = None
    time_stamp: str | None = None
    anchors: Path | None = None


def settings_file() -> Path:
    """Where the settings are looked for; there need not be a file."""
    return home("config") / FILE


def signer_settings() -> SignerSettings:
    """The settings of ``signing.toml`` and of the environment.

    Where the environment names a certificate, key or command, the file's whole ``[signer]`` table counts for nothing:
    a key from here and a certificate from there would rarely belong together.

    Raises:
        InputError: the file is not readable, or it or a variable has a table, key or value that is not known.
    """
    path = settings_file()
    said = _from_file(path)
    given: dict[str, Any] = {name: os.environ[v] for name, v in VARIABLES.items() if v in os.environ}
    if any(given.get(name) for name in ("certificate", "key", "command")):
        said = {name: value for name, value in said.items() if name not in SIGNER}
    for name, text in given.items():
        if name in ("certificate", "key", "anchors"):
            said[name] = Path(text).expanduser() if text else None
        elif name == "command":
            said[name] = _words(text)
        else:
            said[name] = text or None
    return SignerSettings(**said)


def _words(text: str) -> tuple[str, ...] | None:
    try:
        return tuple(shlex.split(text)) or None
    except ValueError as error:
        raise InputError(f"{VARIABLES['command']} is not quoted as in a shell ({error}): {text}") from error


def _from_file(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except NotADirectoryError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The signing settings {path} are not readable TOML: {error}.") from error
    except OSError as error:
        raise InputError(f"The signing settings {path} cannot be read: {error.strerror}.") from error
    said: dict[str, Any] = {}
    for table, values in content.items():
        names = TABLES.get(table)
        if names is None or not isinstance(values, Mapping):
            raise InputError(f"{path}: [{table}] is not known; there are {', '.join(f'[{name}]' for name in TABLES)}.")
        for name, value in values.items():
            if name not in names:
                raise InputError(f"{path}: {name} in [{table}] is not known; there are {', '.join(names)}.")
            said[names[name]] = _value(path, name, value)
    return said


def _value(path: Path, name: str, value: Any) -> Any:
    if name == "command":
        if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
            raise InputError(f'{path}: command must be a list of words, such as ["hsm-sign", "--slot=3"].')
        return tuple(value)
    if not isinstance(value, str):
        raise InputError(f"{path}: {name} must be text in quotation marks, not {value!r}.")
    if name in ("certificate", "key", "anchors"):
        return path.parent / Path(value).expanduser()
    return value or None
