"""A detector as one ONNX file, and scoring with such a file through onnxruntime.

The file holds all that scoring needs: the network, with its normalisation, in the graph; the card, the competence
reference and what judges the cues in the metadata. They travel inside the file, and not beside it, because a file
that is handed on loses its neighbours; the arrays are a safetensors block in base64, so that reading them runs no code.

In: ``image``, float32 (N, 3, S, S), RGB in [0, 1], crops aligned and sized as the card's ``input`` says; N is free.
Out: ``logit`` (N,), ``features`` (N, d), ``heatmap`` (N, h, w) in [0, 1] where the network has one, and, of a detector
that needs no cues beside the network, ``probability`` (N,), calibrated.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.atomic import refuse_overwrite, replacing
from datasets.device import thread_count
from datasets.errors import InputError
from detect.detector import KIND, ModelOutput, TrainedDetector, load_detector

if TYPE_CHECKING:
    import torch

    from detect.competence import Competence
    from detect.cues.model import CueModel

OPSET = 17
SUFFIX = ".onnx"
CARD, ARRAYS = "counterface.card", "counterface.arrays"
INPUT = "image"
AS_IT_IS = {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}


class OnnxDetector(TrainedDetector):
    """A detector whose network runs in onnxruntime. Meets :class:`detect.detector.Detector`.

    Cues, calibration and competence are those of the detector that was exported, and so is the code that uses them.
    Grad-CAM needs gradients, which an ONNX file does not give.
    """

    def __init__(
        self, session: Any, card: Mapping[str, Any], competence: Competence, cue_model: CueModel | None = None
    ) -> None:
        # The normalisation is in the graph: what goes in is the pixels, in [0, 1].
        given = dict(card) | {"input": dict(card["input"]) | {"normalisation": AS_IT_IS}}
        super().__init__(_module(session), given, competence, "cpu", cue_model)


def open_detector(wanted: str | None, device: str = "auto") -> TrainedDetector:
    """Load a detector by what a person calls it.

    Args:
        wanted: as :func:`detect.library.find` takes it, or an ``.onnx`` file.

    Raises:
        InputError: there is no such detector, or it cannot be loaded.
    """
    from detect.library import find

    if wanted is not None and wanted.lower().endswith(SUFFIX):
        return load_onnx(Path(wanted), device)
    return load_detector(find(wanted), device)


def export_onnx(folder: Path, output: Path, force: bool = False) -> Path:
    """Write a trained detector as one ONNX file.

    Args:
        folder: the detector's.
        output: ``.onnx``.

    Raises:
        InputError: no detector there, the output exists, has another suffix, or the network does something that ONNX
            has no operator for.
    """
    output = Path(output)
    if output.suffix.lower() != SUFFIX:
        raise InputError(f"{output} must end in {SUFFIX}.")
    refuse_overwrite(output, force)
    detector = load_detector(folder, "cpu")
    blob = graph_of(_exported(detector), detector.size, str(detector.card["name"]))
    with replacing(output) as temporary:
        temporary.write_bytes(_with_metadata(blob, detector))
    return output


def graph_of(network: torch.nn.Module, size: int, name: str) -> bytes:
    """A network as a serialised ONNX model.

    Args:
        network: gives named tensors, (N, ...) each, for float32 (N, 3, size, size).
        size: side of its pictures, pixels; N stays free.
        name: what an error calls it.

    Raises:
        InputError: it does something that ONNX has no operator for.
    """
    import warnings
    from contextlib import redirect_stdout
    from io import BytesIO, StringIO

    import torch

    example = torch.full((2, 3, size, size), 0.5)
    with torch.inference_mode():
        names = list(network(example))
    axes = {name: {0: "faces"} for name in (INPUT, *names)}
    buffer = BytesIO()

    class Listed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return tuple(self.network(image).values())

    # What fails is written to standard output at length before it is raised.
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        # The exporter that follows this one needs a package more, and writes the same graph for such networks.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                Listed().eval(),
                (example,),
                buffer,  # type: ignore[arg-type]
                input_names=[INPUT],
                output_names=names,
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
        except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{name} cannot be written as ONNX: {reason}") from error
    return buffer.getvalue()


def _exported(detector: TrainedDetector) -> torch.nn.Module:
    """The network from pixels in [0, 1] to named outputs."""
    import torch

    normalisation, calibration = detector.card["input"]["normalisation"], detector.calibration
    needs_cues = bool(detector.cue_names)

    class Exported(torch.nn.Module):
        mean: torch.Tensor
        std: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.network = detector.module
            for name in ("mean", "std"):
                self.register_buffer(name, torch.tensor(normalisation[name]).view(1, 3, 1, 1))

        def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
            out = self.network((image - self.mean) / self.std)
            found = {"logit": out.logit, "features": out.features}
            if out.heat is not None:
                found["heatmap"] = out.heat.sigmoid()
            if not needs_cues:
                found["probability"] = (calibration.slope * out.logit + calibration.offset).sigmoid()
            return found

    return Exported().eval()


def _with_metadata(blob: bytes, detector: TrainedDetector) -> bytes:
    import onnx
    from safetensors.numpy import save

    from datasets.provenance.manifest import software_version

    arrays = {f"reference.{name}": value for name, value in detector.competence.arrays().items()}
    if detector.cue_model is not None:
        arrays |= detector.cue_model.arrays()
    packed = save({name: np.ascontiguousarray(value) for name, value in arrays.items()})
    model = onnx.load_from_string(blob)
    onnx.helper.set_model_props(
        model,
        {
            CARD: json.dumps(detector.card, ensure_ascii=False),
            ARRAYS: base64.b64encode(packed).decode("ascii"),
        },
    )
    model.producer_name, model.producer_version = "counterface", software_version()
    model.doc_string = str(__doc__)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def load_onnx(path: Path, device: str = "auto") -> OnnxDetector:
    """Load a detector that :func:`export_onnx` wrote.

    Args:
        device: ``auto`` and ``cpu`` run on the processor; ``cuda`` needs an onnxruntime that is built for it.

    Raises:
        InputError: no such file, damaged, another kind of ONNX file, or a device that is not there.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    from datasets.checkpoint import under
    from detect.competence import Competence

    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no detector {path}.")
    providers = _providers(device)
    try:
        session = open_session(path.read_bytes(), thread_count(), providers)
    except Exception as error:  # onnxruntime's own errors share no base class but this
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} is damaged, or no ONNX file: {reason}") from error
    held = session.get_modelmeta().custom_metadata_map
    if CARD not in held or ARRAYS not in held:
        raise InputError(
            f"{path} is an ONNX file, and no detector of Counterface: its card is not in it. "
            "Write one with: counterface detector export-onnx NAME -o FILE.onnx"
        )
    try:
        card = json.loads(held[CARD])
        if card.get("kind") != KIND:
            raise InputError(f"{path} holds a {card.get('kind', 'unknown')} model, and a {KIND} model is needed.")
        arrays = load(base64.b64decode(held[ARRAYS], validate=True))
        competence = Competence.from_card(card["competence"], under("reference.", arrays))
        cue_model = None
        if "cues" in card:
            from detect.cues.model import CueModel

            cue_model = CueModel.from_arrays(card["cues"]["names"], arrays)
        return OnnxDetector(session, card, competence, cue_model)
    except (KeyError, TypeError, ValueError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} holds a detector whose card and arrays do not fit together: {reason}.") from error


def open_session(blob: bytes, threads: int, providers: Sequence[str] = ("CPUExecutionProvider",)) -> Any:
    """An onnxruntime session with so many threads, none of which waits for work at the cost of others."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(blob, options, providers=list(providers))


def _providers(device: str) -> list[str]:
    import onnxruntime

    if device in ("auto", "cpu"):
        return ["CPUExecutionProvider"]
    wanted = {"cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider"}.get(device)
    if wanted is None or wanted not in onnxruntime.get_available_providers():
        raise InputError(
            f"This onnxruntime has no device {device!r}; use --device cpu, or install an onnxruntime that is built for "
            "it."
        )
    return [wanted, "CPUExecutionProvider"]


def _module(session: Any) -> torch.nn.Module:
    """The session as a network: pixels in [0, 1] in, :class:`ModelOutput` out."""
    import torch

    names = [output.name for output in session.get_outputs()]
    wanted = [name for name in ("logit", "features", "heatmap") if name in names]

    class OnnxModule(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> ModelOutput:
            found = dict(zip(wanted, session.run(wanted, {INPUT: x.cpu().numpy()}), strict=True))
            heat = torch.from_numpy(found["heatmap"]).logit(eps=1e-7) if "heatmap" in found else None
            return ModelOutput(torch.from_numpy(found["logit"]), heat, torch.from_numpy(found["features"]))

    return OnnxModule()
