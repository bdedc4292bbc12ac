"""Reading the Content Credentials of any file, and saying how far they can be believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from datasets.provenance.credentials import GENERATOR, LIBRARY_SETTINGS, MAKING_LABEL, media_type
from datasets.provenance.identity import existing_root

State = Literal["none", "valid", "trusted", "invalid"]
# What the validator says of every healthy file of an unknown signer: no failure of the file itself.
NOT_A_FAULT = frozenset({"signingCredential.untrusted"})


@dataclass(frozen=True)
class Credentials:
    """What a file's Content Credentials say.

    Attributes:
        state: ``none``; ``valid`` (intact, the signer is unknown to this machine); ``trusted`` (intact and signed by
            this machine's studio); ``invalid`` (changed since, or damaged).
        signer: organisation and name in the certificate, or None.
        generator: software that made the manifest, with its version, or None.
        actions: each ``{"action", "source_type"?, "description"?}``, in order.
        ingredients: each ``{"title", "relationship", "state", "signer"}``; the state of its own Credentials.
        making: what this studio's own assertion says (method, consent, hash of the settings), or empty.
        faults: the validator's codes for what does not hold.
    """

    state: State
    signer: str | None = None
    generator: str | None = None
    actions: tuple[dict[str, Any], ...] = ()
    ingredients: tuple[dict[str, Any], ...] = ()
    making: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    @property
    def by_studio(self) -> bool:
        """Whether the signature holds and the manifest is one that Counterface makes."""
        return self.state in ("valid", "trusted") and self.generator_name == GENERATOR and bool(self.making)

    @property
    def generator_name(self) -> str:
        return (self.generator or "").split(" ")[0]


NONE = Credentials("none")


def read_credentials(path: Path) -> Credentials:
    """The Content Credentials inside a file. Never raises for what the file holds; OSError where it can't be read."""
    import c2pa

    kind = media_type(path)
    if kind is None:
        return NONE
    settings: dict[str, Any] = dict(LIBRARY_SETTINGS)
    root = existing_root()
    if root is not None:
        settings["trust"] = {"user_anchors": root}
    try:
        with (
            path.open("rb") as file,
            c2pa.Context.from_dict(settings) as context,
            c2pa.Reader(kind, file, context=context) as reader,
        ):
            return _understood(json.loads(reader.json()))
    except c2pa.C2paError as error:
        if isinstance(error, (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported)):
            return NONE
        return Credentials("invalid", faults=(str(error),))


def _understood(store: Mapping[str, Any]) -> Credentials:
    manifests = store.get("manifests", {})
    active = manifests.get(store.get("active_manifest"), {})
    results = store.get("validation_results", {})
    faults = [entry.get("code", "") for entry in results.get("activeManifest", {}).get("failure", [])]
    state: State = "invalid"
    if store.get("validation_state") == "Trusted":
        state = "trusted"
    elif store.get("validation_state") == "Valid":
        state = "valid"
    assertions = {entry.get("label"): entry.get("data", {}) for entry in active.get("assertions", [])}
    actions: Mapping[str, Any] = next(
        (data for label, data in assertions.items() if str(label).startswith("c2pa.actions")), {}
    )
    return Credentials(
        state=state,
        signer=_signer(active),
        generator=_generator(active),
        actions=tuple(_action(action) for action in actions.get("actions", [])),
        ingredients=tuple(_ingredient(entry, manifests) for entry in active.get("ingredients", [])),
        making=assertions.get(MAKING_LABEL, {}),
        faults=tuple(code for code in faults if code and code not in NOT_A_FAULT),
    )


def _signer(manifest: Mapping[str, Any]) -> str | None:
    info = manifest.get("signature_info") or {}
    said = [str(info[key]) for key in ("issuer", "common_name") if info.get(key)]
    return ", ".join(said) or None


def _generator(manifest: Mapping[str, Any]) -> str | None:
    infos = manifest.get("claim_generator_info") or []
    if not infos:
        return manifest.get("claim_generator")
    return " ".join(str(infos[0][key]) for key in ("name", "version") if infos[0].get(key))


def _action(action: Mapping[str, Any]) -> dict[str, Any]:
    said = {"action": action.get("action", "")}
    if action.get("digitalSourceType"):
        said["source_type"] = str(action["digitalSourceType"]).rsplit("/", 1)[-1]
    if action.get("description"):
        said["description"] = action["description"]
    return said


def _ingredient(entry: Mapping[str, Any], manifests: Mapping[str, Any]) -> dict[str, Any]:
    own = manifests.get(str(entry.get("active_manifest")))
    state: State = "none"
    if own is not None:
        failures = entry.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
        state = "invalid" if [f for f in failures if f.get("code") not in NOT_A_FAULT] else "valid"
    return {
        "title": entry.get("title"),
        "relationship": entry.get("relationship"),
        "state": state,
        "signer": _signer(own) if own else None,
        "generator": _generator(own) if own else None,
    }
