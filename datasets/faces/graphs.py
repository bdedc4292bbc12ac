"""The three MediaPipe models inside its wheel, each as a small graph of its own, without state between pictures.

MediaPipe's ready-made solutions keep the last frame's faces to themselves, look for new ones at every frame until a
fixed number is found, and hide the mesh's confidence. These graphs answer one picture at a time and leave all of
that to ``datasets.faces.mediapipe``. They are given as text, which MediaPipe parses itself: handing it a Python
message goes through the message's printed form, which some protobuf 5 releases do not escape.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

MESH_SIDE = 192
DETECTOR_SIDE: dict[str, int] = {"short": 128, "full": 192}
LOW_SCORE = 0.3
# What the models' C++ says on every start, about nothing: TensorFlow Lite's delegate, absl's set-up, feedback tensors.
NOISE = re.compile(
    r"INFO: Created TensorFlow Lite|WARNING: All log messages before absl|[IW]\d{4} [\d:. ]+\d+ \S+\.cc:\d+\]"
)

MESH_GRAPH = """
input_stream: "image" output_stream: "landmarks" output_stream: "presence" num_threads: 1
node { calculator: "ImageToTensorCalculator" input_stream: "IMAGE:image" output_stream: "TENSORS:input"
  options { [mediapipe.ImageToTensorCalculatorOptions.ext] {
    output_tensor_width: 192 output_tensor_height: 192 output_tensor_float_range { min: 0 max: 1 } } } }
node { calculator: "TfLiteCustomOpResolverCalculator" output_side_packet: "OP_RESOLVER:ops" }
node { calculator: "InferenceCalculatorCpu" input_stream: "TENSORS:input" output_stream: "TENSORS:output"
  input_side_packet: "OP_RESOLVER:ops"
  options { [mediapipe.InferenceCalculatorOptions.ext] {
    model_path: "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite"
    delegate { xnnpack { num_threads: 1 } } } } }
node { calculator: "SplitTensorVectorCalculator" input_stream: "output" output_stream: "mesh" output_stream: "flag"
  options { [mediapipe.SplitVectorCalculatorOptions.ext] { ranges { begin: 0 end: 6 } ranges { begin: 6 end: 7 } } } }
node { calculator: "TensorsToFloatsCalculator" input_stream: "TENSORS:flag" output_stream: "FLOAT:presence"
  options { [mediapipe.TensorsToFloatsCalculatorOptions.ext] { activation: SIGMOID } } }
node { calculator: "TensorsToFaceLandmarksWithAttention" input_stream: "TENSORS:mesh"
  output_stream: "LANDMARKS:landmarks" }
"""

DETECTOR_GRAPH = """
input_stream: "image" output_stream: "detections" num_threads: 1
node { calculator: "%s" input_stream: "IMAGE:image" output_stream: "DETECTIONS:detections"
  options { [mediapipe.FaceDetectionOptions.ext] {
    min_score_thresh: %.2f delegate { xnnpack { num_threads: 1 } } } } }
"""
DETECTORS = {"short": "FaceDetectionShortRange", "full": "FaceDetectionFullRange"}


@contextmanager
def without_noise() -> Iterator[None]:
    """Keep the known start-up chatter of C++ code off stderr; everything else is passed on when the block ends."""
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, ValueError, AttributeError):  # no stderr to keep quiet
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held.read().decode(errors="replace").splitlines():
                if line.strip() and not NOISE.match(line):
                    print(line, file=sys.stderr)


class _Graph:
    """One running MediaPipe graph: an RGB picture in, packets out."""

    def __init__(self, text: str, outputs: tuple[str, ...], side: int) -> None:
        with without_noise():
            import mediapipe
            from mediapipe.python import packet_creator, packet_getter
            from mediapipe.python._framework_bindings import calculator_graph, image_frame, resource_util

            resource_util.set_resource_dir(str(Path(mediapipe.__file__).parent.parent))
            self.get: Any = packet_getter
            self._make, self._rgb = packet_creator.create_image_frame, image_frame.ImageFormat.SRGB
            self._graph: Any = calculator_graph.CalculatorGraph(graph_config=text)
            self._packets: dict[str, Any] = {}
            self._tick = 0
            for name in outputs:
                self._graph.observe_output_stream(name, self._packets.__setitem__, True)
            self._graph.start_run({})
            self.run(np.zeros((side, side, 3), np.uint8))

    def run(self, image: np.ndarray) -> dict[str, Any]:
        self._packets.clear()
        self._tick += 1
        packet = self._make(np.ascontiguousarray(image), image_format=self._rgb).at(self._tick)
        self._graph.add_packet_to_input_stream(stream="image", packet=packet)
        self._graph.wait_until_idle()
        return self._packets

    def close(self) -> None:
        if self._graph is not None:
            self._graph.close()
            self._graph = None


class MeshModel:
    """The 478-point mesh of the face that fills a picture (two thirds of its side, eyes level)."""

    def __init__(self) -> None:
        self._graph = _Graph(MESH_GRAPH, ("landmarks", "presence"), MESH_SIDE)

    def find(self, crop: np.ndarray) -> tuple[np.ndarray, float]:
        """Landmarks float32 (478, 3), pixels of the uint8 RGB (192, 192, 3) crop, and the confidence in [0, 1]."""
        packets = self._graph.run(crop)
        points = self._graph.get.get_proto(packets["landmarks"]).landmark
        landmarks = np.array([(p.x, p.y, p.z) for p in points], dtype=np.float32) * MESH_SIDE
        landmarks[:, :2] -= 0.5
        return landmarks, float(self._graph.get.get_float(packets["presence"]))

    def close(self) -> None:
        self._graph.close()


@dataclass(frozen=True)
class Detection:
    """What a detector says: a score in [0, 1], a box (4,) xyxy, six points (6, 2): eyes, nose, mouth, ears; pixels."""

    score: float
    box: np.ndarray
    points: np.ndarray

    def moved(self, scale: float, shift: np.ndarray) -> Detection:
        """The same, in coordinates ``scale * p + shift``."""
        return Detection(self.score, self.box * scale + np.tile(shift, 2), self.points * scale + shift)


class DetectorModel:
    """A box detector: "short" range for faces that fill a good part of the picture, "full" down to a 13th of it."""

    def __init__(self, kind: Literal["short", "full"]) -> None:
        self.side = DETECTOR_SIDE[kind]
        self._graph = _Graph(DETECTOR_GRAPH % (DETECTORS[kind], LOW_SCORE), ("detections",), self.side)

    def find(self, square: np.ndarray) -> list[Detection]:
        """The faces of a uint8 RGB (side, side, 3) picture, in its pixels."""
        packet = self._graph.run(square).get("detections")
        if packet is None or packet.is_empty():
            return []
        found = []
        for raw in self._graph.get.get_proto_list(packet):
            b = raw.location_data.relative_bounding_box
            points = np.array([(p.x, p.y) for p in raw.location_data.relative_keypoints]) * self.side - 0.5
            box = np.array([b.xmin, b.ymin, b.xmin + b.width, b.ymin + b.height]) * self.side - 0.5
            found.append(Detection(float(raw.score[0]), box, points))
        return found

    def close(self) -> None:
        self._graph.close()
