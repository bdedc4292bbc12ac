"""``reenact``: the destination's own face, its mouth, lids and brows driven by the source's expressions.

The class of Face2Face (Thies et al., 2016). The source's expression over time is carried to the destination's
landmarks (``synth.driving``), the destination's frame is bent to them and what it hides comes from its other frames
(``synth.assembling``), and a small network trained on the destination alone makes the seams and folds right
(``synth.refine``). Nobody else's skin comes into the picture: all of it is the destination's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from datasets.checkpoint import load_checkpoint, save_checkpoint
from datasets.device import pick_device, thread_count, torch_threads
from datasets.errors import InputError
from datasets.facearrays import FaceArrays
from datasets.progress import Progress, silent
from synth.assembling import Assembled, Assembler
from synth.crops import check_faces, data_hash, face_ssim, held_out, to_tensor
from synth.driving import (
    STILL_LIDS,
    STILL_MOUTH,
    Drive,
    Rest,
    driven,
    fitted_drive,
    rest_of,
    to_pixels,
    to_units,
    weights_of,
)
from synth.faceparts import Part, parts_of
from synth.method import Budget, Rendered, register_method
from synth.ownframes import Library, library_of, steady_shares
from synth.reenactoptions import reenact_options
from synth.refine import Refiner, assembled_pairs, batch_of, pairs_of, refine, refining_loss
from synth.texture import restlessness, shrunk
from synth.training import Run, Schedule, loop_options

PEOPLE = ("source", "destination")
FEWEST_FACES = 8
KEPT = {"mouth": 16, "left": 10, "right": 10}
MOST_HELD_OUT = 48
SHUT = 0.05
MEASURE = (
    "SSIM at the network's size over the driven parts, frames not trained on. destination: another frame driven to the "
    "held-out one's landmarks and refined, against the held-out one. source: the same with the source's frame at rest "
    "and by the mesh alone, for the network never sees the source: how much of its expressions the mesh tells"
)
Batch = tuple[Tensor, Tensor]


@register_method("reenact")
class Reenact:
    """The reenactment method: see the module. One instance is one model."""

    name: ClassVar[str] = "reenact"
    size: ClassVar[int] = 320
    coverage: ClassVar[float] = 1.6
    trains: ClassVar[bool] = True
    composite: ClassVar[Mapping[str, Any]] = {"mode": "raw", "mask": "learned", "erode": 0.0, "blur": 0.0}

    def __init__(
        self,
        seed: int = 0,
        device: str = "auto",
        options: Mapping[str, Any] | None = None,
        batch: int = 12,
        schedule: Schedule | None = None,
    ) -> None:
        self.loop, own = loop_options(options)
        if "snapshots" in self.loop:
            raise InputError(f"{self.name} keeps no snapshots; leave --option snapshots out.")
        self.options = reenact_options(own)
        self.seed, self.batch, self.schedule = seed, batch, schedule or Schedule()
        self.device = pick_device(device)
        torch.manual_seed(seed)
        self.network = self._fresh()
        self.drive: Drive | None = None
        self.assembler: Assembler | None = None
        self.weights = np.zeros(0)
        self.shares: dict[str, np.ndarray] = {}
        self.card: dict[str, Any] = {}

    def _fresh(self) -> Refiner:
        return Refiner().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    # -- training ------------------------------------------------------------------------------------------------

    def fit(
        self,
        source: FaceArrays,
        destination: FaceArrays,
        folder: Path,
        budget: Budget,
        progress: Progress = silent,
        show: Callable[[int, np.ndarray], None] | None = None,
    ) -> dict[str, Any]:
        """Train in ``folder`` until the budget is used up; a model that is there goes on.

        Args:
            source, destination: faces at ``size`` and ``coverage``.
            show: called with the step and a contact sheet, uint8 RGB: each row a destination frame, a held-out one
                whose expression it is to take, what the mesh makes of it, and what the network does.

        Returns:
            The card that was written.

        Raises:
            InputError: too few faces, or a source that shows no expression.
        """
        given = {"source": source, "destination": destination}
        check_faces(given, self.size, self.coverage, FEWEST_FACES, " to train on")
        self.drive, rest, seen = fitted_drive(source, destination)
        if seen["mouth_source"] < STILL_MOUTH and seen["lids_source"] < STILL_LIDS:
            raise InputError(
                "The source keeps one expression throughout, so there is nothing to drive the destination with; "
                "take a source clip in which the face speaks, smiles or blinks."
            )
        training, held = held_out(destination)
        held = held[:: -(-len(held) // MOST_HELD_OUT)]
        self._prepare(destination.subset(training), rest)
        rng = np.random.default_rng(self.seed)
        inside = np.column_stack([rng.choice(training, len(held)), held])
        side, assembler = self.options.size, self._assembler()
        seen_planes, truth = assembled_pairs(
            destination, training[pairs_of(len(training), rng)], assembler, side, progress, "driving faces"
        )
        kept_planes, kept_truth = assembled_pairs(
            destination, inside, assembler, side, progress, "driving held-out faces"
        )
        data = {who: data_hash(those) for who, those in given.items()}
        driven_parts = {name: getattr(self.options, name) for name in ("mouth", "eyes", "brows")}
        run = Run(
            self.network,
            folder,
            {"method": self.name, "seed": self.seed, "size": side} | driven_parts,
            self.schedule,
            settings={"batch": self.batch},
            data=data,
            **self.loop,
        )
        shown = self._fresh()

        def batches(first: int, _part: Callable[[int], float]) -> Iterator[Batch]:
            step = first
            while True:
                yield batch_of(np.random.default_rng(run.draws(self.seed, step)), seen_planes, truth, self.batch)
                step += 1

        def loss(batch: Batch) -> tuple[Tensor, dict[str, float]]:
            x, y = (t.to(self.device).contiguous(memory_format=torch.channels_last) for t in batch)
            return refining_loss(run.net(x), x, y), {}

        def averaged() -> nn.Module:
            shown.load_state_dict(run.ema.values)
            return shown.eval()

        def measure() -> dict[str, float]:
            return {"ssim_destination": self._ssim(averaged(), kept_planes, kept_truth)}

        def draw(step: int) -> None:
            if show:
                show(step, self._sheet(averaged(), destination, inside, kept_planes, kept_truth))

        self.network.train()
        with torch_threads():
            run.train(batches, loss, budget, progress, measure, draw if show else None)
        self.network.load_state_dict(run.ema.values)
        self.network.eval()
        heldout = {
            "source": {"ssim": round(self._mesh_ssim(source), 4)},
            "destination": {
                "ssim": round(self._ssim(self.network, kept_planes, kept_truth), 4),
                "ssim_unrefined": round(self._ssim(None, kept_planes, kept_truth), 4),
            },
        }
        notes = run.notes
        if seen["parted_destination"] < SHUT and self.options.mouth:
            notes.append(
                "The destination never opens its mouth: what is inside is not known, and it is made to open little."
            )
        self.card = {
            "kind": "swap",
            "version": 1,
            "name": self.name,
            "method": self.name,
            "architecture": "mesh warp, library of own frames, refining network with pixel-unshuffle 4",
            "parameters": sum(p.numel() for p in self.network.parameters()),
            "size": self.size,
            "network_size": side,
            "coverage": self.coverage,
            "normalisation": "x - 0.5",
            "options": self.options.to_table(),
            "step": run.state.step,
            "seconds": round(run.state.seconds, 1),
            "seed": self.seed,
            "batch": self.batch,
            "device": self.device,
            "threads": thread_count(),
            "data": run.trained_on,
            "faces": {
                "source": {"driving": len(source)},
                "destination": {"trained_on": len(training), "held_out": len(held)},
            },
            "expression": {name: round(value, 4) for name, value in seen.items()},
            "heldout_measure": MEASURE,
            "heldout": heldout,
            "notes": notes,
        }
        self.save(folder)
        return self.card

    def _prepare(self, faces: FaceArrays, rest: Rest) -> None:
        """The libraries of a destination and what is driven of it."""
        points = to_units(faces.landmarks, faces.size, faces.coverage)
        shapes = np.stack([rest.head_fixed(p) for p in points])
        parts = self._parts(rest)
        libraries = {part.name: library_of(faces, shapes, part.shape, KEPT[part.name]) for part in parts}
        self._take(rest, libraries)

    def _parts(self, rest: Rest) -> list[Part]:
        return parts_of(rest, weights_of(rest), self.options.mouth, self.options.eyes, self.options.brows)

    def _take(self, rest: Rest, libraries: dict[str, Library]) -> None:
        share = weights_of(rest)
        on = (self.options.mouth, self.options.eyes, self.options.brows)
        planes = (share.mouth, share.eyes, share.brows)
        self.weights = np.max([plane * use for plane, use in zip(planes, on, strict=True)], axis=0)
        self.assembler = Assembler(rest, self._parts(rest), libraries, self.coverage)
        assert self.drive is not None
        shapes = rest.shape + self.options.strength * self.drive.departures.astype(np.float64)
        self.shares = {
            part.name: steady_shares(part, libraries[part.name], shapes, self.drive.times)
            for part in self.assembler.parts
        }

    def _assembler(self) -> Assembler:
        if self.assembler is None:
            raise ValueError("a model that was never trained can't render")
        return self.assembler

    @torch.no_grad()
    def _ssim(self, network: nn.Module | None, planes: np.ndarray, truth: np.ndarray) -> float:
        """Mean SSIM over the driven parts, with the network or (None) without."""
        x, y = to_tensor(planes).to(self.device), to_tensor(truth).to(self.device)
        made = x[:, :3] if network is None else x[:, :3] + network(x)
        return face_ssim(made.clamp(0, 1), y, x[:, 7:])

    def _mesh_ssim(self, faces: FaceArrays) -> float:
        """How much of the source's own expressions the mesh alone makes of its calmest frame."""
        rest, _ = rest_of(faces)
        assembler = Assembler(rest, self._parts(rest), {}, self.coverage)
        training, held = held_out(faces)
        calm = int(training[restlessness(faces.landmarks[training]).argmin()])
        pairs = np.column_stack([np.full(len(held), calm), held])[:: -(-len(held) // MOST_HELD_OUT)]
        planes, truth = assembled_pairs(faces, pairs, assembler, self.options.size, silent, "")
        return self._ssim(None, planes, truth)

    @torch.no_grad()
    def _sheet(
        self,
        network: nn.Module,
        faces: FaceArrays,
        pairs: np.ndarray,
        planes: np.ndarray,
        truth: np.ndarray,
        rows: int = 4,
    ) -> np.ndarray:
        lines = []
        for at in np.linspace(0, len(pairs) - 1, rows).round().astype(int):
            x = to_tensor(planes[at][None]).to(self.device)
            made = (x[:, :3] + network(x)).clamp(0, 1)[0].permute(1, 2, 0).cpu().numpy()
            begun = shrunk(faces.images[pairs[at, 0]], self.options.size)
            lines.append(np.hstack([begun, truth[at], planes[at, ..., :3], np.rint(made * 255).astype(np.uint8)]))
        return np.vstack(lines)

    # -- use -----------------------------------------------------------------------------------------------------

    def render(
        self, crops: np.ndarray, masks: np.ndarray, landmarks: np.ndarray, times: np.ndarray
    ) -> Iterator[Rendered]:
        """Drive aligned destination crops; see ``SwapMethod.render``. The mask is what was changed, exactly."""
        made = [self._driven(*one) for one in zip(crops, landmarks, times, strict=True)]
        for one, face in zip(made, refine(self.network.eval(), made, self.options.size, self.device), strict=True):
            yield Rendered(np.rint(face * 255).astype(np.uint8), one.mask)

    def _driven(self, crop: np.ndarray, landmarks: np.ndarray, time: float) -> Assembled:
        assembler, drive = self._assembler(), self.drive
        assert drive is not None
        own = to_units(landmarks, self.size, self.coverage)
        wanted = driven(own, drive.at(float(time)), assembler.rest, self.weights, self.options.strength)
        shares = {name: drive.between(values, float(time)) for name, values in self.shares.items()}
        return assembler.assemble(crop, landmarks, to_pixels(wanted, self.size, self.coverage), shares=shares)

    def save(self, folder: Path) -> None:
        """Write weights and card. Raises ValueError for a model that was never trained."""
        if not self.card or self.drive is None:
            raise ValueError("a model that was never trained has no card to save")
        assembler = self._assembler()
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        arrays: dict[str, np.ndarray] = {
            "drive.times": self.drive.times,
            "drive.departures": self.drive.departures.astype(np.float16),
            "rest.shape": assembler.rest.shape,
            "rest.depth": assembler.rest.depth,
        }
        for name, library in assembler.libraries.items():
            arrays |= {f"library.{name}.{key}": value for key, value in vars(library).items()}
        tensors |= {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in arrays.items()}
        save_checkpoint(folder, self.card, tensors)

    @classmethod
    def load(cls, folder: Path, device: str = "auto") -> Reenact:
        """Read a model that ``save`` wrote. Raises InputError when it is missing, damaged or of another method."""
        card, tensors = load_checkpoint(folder, "swap")
        if card.get("method") != cls.name or card.get("size") != cls.size:
            raise InputError(f"{folder} holds a {card.get('method')} model, and {cls.name} is needed.")
        model = cls(int(card["seed"]), device, card.get("options"), batch=int(card["batch"]))
        try:
            network = {n.removeprefix("network."): t for n, t in tensors.items() if n.startswith("network.")}
            arrays = {n: t.numpy() for n, t in tensors.items() if not n.startswith("network.")}
            model.network.load_state_dict(network)
            model.drive = Drive(arrays["drive.times"], arrays["drive.departures"].astype(np.float32))
            rest = Rest(arrays["rest.shape"], arrays["rest.depth"])
            keys = ("images", "landmarks", "shapes", "times")
            libraries = {
                part.name: Library(*(arrays[f"library.{part.name}.{key}"] for key in keys))
                for part in model._parts(rest)
            }
        except (RuntimeError, KeyError) as error:
            raise InputError(f"The weights in {folder} do not fit {cls.name}.") from error
        model._take(rest, libraries)
        model.network.eval()
        model.card = card
        return model
