"""What the validator's report on Content Credentials means: its states, and the statements of the manifest in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from datasets.errors import InputError
from datasets.provenance.consent import Consent
from datasets.provenance.manifest import (
    CONSENT_LABEL,
    GENERATOR,
    MAKING_LABEL,
    SOFT_BINDING_ALGORITHM,
    SOFT_BINDING_LABEL,
)

State = Literal["none", "valid", "trusted", "invalid"]
TimeFrom = Literal["signer", "service", "trusted service"]
# What the validator says of every healthy file of an unknown signer: no failure of the file itself.
NOT_A_FAULT = frozenset({"signingCredential.untrusted"})
# What it says where a healthy manifest is laid beside bytes that it was not made for.
NOT_COVERED = frozenset(
    {
        "assertion.dataHash.mismatch",
        "assertion.bmffHash.mismatch",
        "assertion.boxesHash.mismatch",
        "assertion.collectionHash.mismatch",
        "assertion.multiAssetHash.mismatch",
    }
)
# What IPTC's list of digital source types (NewsCodes, digitalsourcetype) calls made by an algorithm, in whole or part.
SYNTHETIC_TYPES = frozenset(
    {"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic", "algorithmicMedia"}
)


@dataclass(frozen=True)
class Credentials:
    """What a file's Content Credentials say.

    Attributes:
        state: ``none``; ``valid`` (intact, the signer is unknown to this machine); ``trusted`` (intact, and the signer
            is this machine's studio or has a certificate under one of the trust anchors of the settings); ``invalid``
            (changed since, or damaged).
        signer: organisation and name in the certificate, or None.
        generator: software that made the manifest, with its version, or None.
        actions: each ``{"action", "source_type"?, "description"?}``, in order.
        ingredients: each ``{"title", "relationship", "state", "signer", "generator", "synthetic", "remote"}``, all of
            its own Credentials as they were when the output was signed; ``remote`` is an address that its file named
            for them and that was not fetched, or None.
        making: what this studio's own assertions say (kind, method, consent, hash of the settings), or empty.
        faults: the validator's codes for what does not hold.
        covers: whether the manifest is about exactly the bytes that were read. Always True for Credentials found
            inside a file; False for a stored manifest whose file was changed or is not at hand
            (:func:`read_manifest_bytes`).
        kind: of the making ("swap", "original", ...), or None where another software made the manifest.
        soft_binding: id of the invisible watermark that the manifest names, 8 hex digits, or None.
        synthetic: whether the manifest declares synthetic content: True by a digital source type of
            :data:`SYNTHETIC_TYPES` or in the studio's own words, False where it declares something else, None where
            it says nothing of it.
        time: when it was signed, ISO 8601, or None: the time stamp where there is one, else what the signer says.
        time_from: on whose word that time rests: ``signer``, ``service`` (a time-stamp service that this machine does
            not know) or ``trusted service``; None where there is no time.
        own: whether the certificate is the one that this machine signs with.
        serial: of the signer's certificate, decimal, or None.
        label: the manifest's own name (``urn:c2pa:...``), or None.
        remote: an address at which the file says that its manifest lies, or None; it is never fetched.
    """

    state: State
    signer: str | None = None
    generator: str | None = None
    actions: tuple[dict[str, Any], ...] = ()
    ingredients: tuple[dict[str, Any], ...] = ()
    making: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    covers: bool = True
    kind: str | None = None
    soft_binding: str | None = None
    synthetic: bool | None = None
    time: str | None = None
    time_from: TimeFrom | None = None
    own: bool = False
    serial: str | None = None
    label: str | None = None
    remote: str | None = None

    @property
    def time_stamped(self) -> bool:
        """Whether :attr:`time` is a time-stamp service's."""
        return self.time_from in ("service", "trusted service")

    @property
    def by_studio(self) -> bool:
        """Whether the signature holds and the manifest is one that Counterface makes."""
        return self.state in ("valid", "trusted") and self.generator_name == GENERATOR and bool(self.making)

    @property
    def generator_name(self) -> str:
        return (self.generator or "").split(" ")[0]


def understood(store: Mapping[str, Any], own_serials: Collection[str], stored: bool = False) -> Credentials:
    """The Credentials behind a report of the signing library's reader.

    Args:
        store: the report, from JSON.
        own_serials: of the certificates that this machine signs with, decimal.
        stored: whether the manifest was kept apart from its file, so that its own state and whether it covers the
            file are told apart.
    """
    manifests = store.get("manifests", {})
    active = manifests.get(store.get("active_manifest"), {})
    results = store.get("validation_results", {})
    own = results.get("activeManifest", {})
    faults = [entry.get("code", "") for entry in own.get("failure", [])]
    faults = [code for code in faults if code not in NOT_A_FAULT]
    covers = not NOT_COVERED.intersection(faults)
    state: State = "invalid"
    if store.get("validation_state") in ("Trusted", "Valid"):
        state = "trusted" if store["validation_state"] == "Trusted" else "valid"
    elif stored and own and all(code in NOT_COVERED for code in faults):
        # The validator gives one verdict on manifest and file together; here they are told apart.
        known = any(entry.get("code") == "signingCredential.trusted" for entry in own.get("success", []))
        state = "trusted" if known else "valid"
        faults = []
    assertions = {str(entry.get("label")): entry.get("data", {}) for entry in active.get("assertions", [])}
    making = _making(assertions)
    said = _actions(assertions)
    info = active.get("signature_info") or {}
    serial = info.get("cert_serial_number")
    when = max((str(action["when"]) for action in said if action.get("when")), default=None)
    return Credentials(
        state=state,
        signer=_signer(active),
        generator=_generator(active),
        actions=tuple(_action(action) for action in said),
        ingredients=tuple(ingredient_of(entry, manifests) for entry in active.get("ingredients", [])),
        making=making,
        faults=tuple(code for code in faults if code),
        covers=covers if stored else True,
        kind=making["kind"] if isinstance(making.get("kind"), str) else None,
        soft_binding=_soft_binding(assertions),
        synthetic=_synthetic(said, making),
        time=info.get("time") or when,
        time_from=_time_from(info, when, own.get("success", [])),
        own=state == "trusted" and serial in own_serials,
        serial=serial,
        label=active.get("label"),
    )


def _time_from(info: Mapping[str, Any], when: str | None, successes: list[dict[str, Any]]) -> TimeFrom | None:
    if info.get("time"):
        known = any(entry.get("code") == "timeStamp.trusted" for entry in successes)
        return "trusted service" if known else "service"
    return "signer" if when else None


def _making(assertions: Mapping[str, Any]) -> dict[str, Any]:
    """The studio's two assertions as one, whichever version wrote them: the first one held the consent records too."""
    making = assertions.get(MAKING_LABEL)
    if not isinstance(making, Mapping):
        return {}
    own, consent = dict(making), assertions.get(CONSENT_LABEL)
    if isinstance(consent, Mapping):
        own["consent"] = [_record(table) for table in _tables(consent.get("records"))]
    return own | {"consent": _tables(own.get("consent"))}


def _record(table: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return dict(Consent.from_table(table).to_table())
    except InputError:
        return dict(table)  # of a later version: as it stands, and without an id


def _actions(assertions: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        action
        for label, data in assertions.items()
        if label.startswith("c2pa.actions") and isinstance(data, Mapping)
        for action in _tables(data.get("actions"))
    ]


def _tables(value: Any) -> list[dict[str, Any]]:
    """The tables of a list: a manifest can hold anything, and a reader must not fall over it."""
    return [dict(entry) for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _synthetic(actions: list[dict[str, Any]], making: Mapping[str, Any]) -> bool | None:
    types = {str(action["digitalSourceType"]).rsplit("/", 1)[-1] for action in actions if "digitalSourceType" in action}
    if types & SYNTHETIC_TYPES or making.get("synthetic") is True:
        return True
    return False if types or making.get("synthetic") is False else None


def _soft_binding(assertions: Mapping[str, Any]) -> str | None:
    """The watermark's id in the soft binding of the studio's own algorithm; those of others are not its to read."""
    for label, data in assertions.items():
        ours = label.startswith(SOFT_BINDING_LABEL) and isinstance(data, Mapping)
        if ours and data.get("alg") == SOFT_BINDING_ALGORITHM:
            for block in _tables(data.get("blocks")):
                return str(block.get("value"))
    return None


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


def ingredient_of(entry: Mapping[str, Any], manifests: Mapping[str, Any]) -> dict[str, Any]:
    """An ingredient of a manifest, as :attr:`Credentials.ingredients` has it; ``manifests`` are those of the report."""
    own = manifests.get(str(entry.get("active_manifest")))
    failures = (entry.get("validation_results") or {}).get("activeManifest", {}).get("failure", [])
    remote = [failure.get("url") for failure in failures if failure.get("code") == "manifest.inaccessible"]
    state: State = "none"
    if own is not None:
        state = "invalid" if [f for f in failures if f.get("code") not in NOT_A_FAULT] else "valid"
    elif failures and not remote:
        state = "invalid"
    assertions = {str(a.get("label")): a.get("data", {}) for a in (own or {}).get("assertions", [])}
    return {
        "title": entry.get("title"),
        "relationship": entry.get("relationship"),
        "state": state,
        "signer": _signer(own) if own else None,
        "generator": _generator(own) if own else None,
        "synthetic": _synthetic(_actions(assertions), _making(assertions)) if own else None,
        "remote": remote[0] if remote else None,
    }
