"""``quick96``: a shared encoder and two decoders at 96 pixels, trained in minutes on two CPU cores.

Each decoder starts from a likeness of its person: the neutral texture bent to the wanted landmarks
(``synth.texture``). The encoder sees the face to be swapped, warped at random in training, and tells what the likeness
lacks. For a swap, the destination's departure from its own rest is carried over to the source's face at rest. What the
network makes at 96 pixels gets the fine texture of the likeness at 192, so that the skin is not blurred.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from torch import Tensor

from datasets.checkpoint import load_checkpoint, save_checkpoint
from datasets.device import pick_device, thread_count, torch_threads
from datasets.errors import InputError
from datasets.facearrays import FaceArrays
from datasets.faces.mask import eye_mouth_mask
from datasets.progress import Progress, counted, silent
from synth.composite.colour import reinhard
from synth.crops import face_ssim, held_out, network_input, to_tensor
from synth.losses import dssim, gaussian_window
from synth.method import Budget, Rendered, register_method
from synth.networks import Autoencoder, multiply_accumulates
from synth.texture import (
    Texture,
    carry_over,
    halved,
    halved_points,
    likeness,
    mouth_interior,
    neutral_texture,
    with_detail,
)
from synth.training import Run, Schedule
from synth.warp import jitter_colour, training_sample

Planes = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
Batch = dict[str, tuple[Tensor, Tensor, Tensor, Tensor]]
PEOPLE = ("source", "destination")
FEWEST_FACES = 8


@register_method("quick96")
class Quick96:
    """The quick method: see the module. One instance is one model."""

    name: ClassVar[str] = "quick96"
    size: ClassVar[int] = 192
    network_size: ClassVar[int] = 96
    coverage: ClassVar[float] = 1.4
    trains: ClassVar[bool] = True
    composite: ClassVar[Mapping[str, Any]] = {}

    def __init__(
        self,
        seed: int = 0,
        device: str = "auto",
        options: Mapping[str, Any] | None = None,
        batch: int = 12,
        schedule: Schedule | None = None,
    ) -> None:
        self.seed, self.batch, self.schedule = seed, batch, schedule or Schedule()
        self.device = pick_device(device)
        torch.manual_seed(seed)
        self.network = Autoencoder(self.network_size).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.textures: dict[str, Texture] = {}
        self.card: dict[str, Any] = {}

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
            show: called with the step and a contact sheet, uint8 RGB: each row a held-out source face, its
                reconstruction, a destination face, its reconstruction, and the swap.

        Returns:
            The card that was written.
        """
        faces = {"source": source, "destination": destination}
        for who, those in faces.items():
            if len(those) < FEWEST_FACES:
                raise InputError(f"The {who} has {len(those)} usable faces; {FEWEST_FACES} is the least to train on.")
            if those.size != self.size or abs(those.coverage - self.coverage) > 1e-6:
                raise ValueError(f"{who}: crops of {those.size} px at coverage {those.coverage}")
        splits = {who: held_out(those) for who, those in faces.items()}
        self.textures = {who: neutral_texture(those.subset(splits[who][0])) for who, those in faces.items()}
        planes = {who: self._planes(who, those, progress) for who, those in faces.items()}
        data = {who: _hash(those) for who, those in faces.items()}
        identity = {"method": self.name, "seed": self.seed, "batch": self.batch}
        run = Run(self.network, folder, identity, self.schedule)
        shown = Autoencoder(self.network_size).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

        def batches(first: int, part: Callable[[int], float]) -> Iterator[Batch]:
            step = first
            while True:
                rng = np.random.default_rng([self.seed, step])
                warp = self.schedule.warp(part(step))
                yield {w: self._draw(rng, planes[w], splits[w][0], warp) for w in PEOPLE}
                step += 1

        def averaged() -> Autoencoder:
            shown.load_state_dict(run.ema.values)
            return shown.eval()

        def measure() -> dict[str, float]:
            network = averaged()
            return {f"ssim_{w}": self._held_out_ssim(network, w, planes[w], splits[w][1]) for w in PEOPLE}

        def draw(step: int) -> None:
            if show:
                show(step, self._sheet(averaged(), faces, planes, {w: splits[w][1] for w in PEOPLE}))

        self.network.train()
        with torch_threads():
            run.train(batches, self._loss, budget, progress, measure, draw if show else None)
        self.network.load_state_dict(run.ema.values)
        self.network.eval()
        ssim = measure()
        self.card = {
            "kind": "swap",
            "version": 1,
            "name": self.name,
            "method": self.name,
            "architecture": "shared encoder, two decoders, pixel-unshuffle 4",
            "parameters": sum(p.numel() for p in self.network.parameters()),
            "gmac": round(multiply_accumulates(Autoencoder(self.network_size), self.network_size) / 1e9, 4),
            "size": self.size,
            "network_size": self.network_size,
            "coverage": self.coverage,
            "normalisation": "x - 0.5, grey outside the hull",
            "step": run.state.step,
            "seconds": round(run.state.seconds, 1),
            "seed": self.seed,
            "batch": self.batch,
            "device": self.device,
            "threads": thread_count(),
            "data": data,
            "faces": {who: {"trained_on": len(splits[who][0]), "held_out": len(splits[who][1])} for who in PEOPLE},
            "heldout_measure": "SSIM at 96 px over the hull less the inside of the mouth, frames not trained on",
            "heldout": {who: {"ssim": round(ssim[f"ssim_{who}"], 4)} for who in PEOPLE},
        }
        self.save(folder)
        return self.card

    def _planes(self, who: str, faces: FaceArrays, progress: Progress) -> Planes:
        """Of each face of one person: picture with hull, eyes and mouth, likeness with hull, inside of the mouth."""
        side = self.network_size
        texture = self.textures[who].halved()
        count = len(faces)
        pictures, alike = (np.empty((count, side, side, 4), np.uint8) for _ in range(2))
        details, inside = np.empty((count, side, side), np.uint8), np.empty((count, side, side), np.float32)
        for index in counted(range(count), f"preparing the {who}'s faces", count, progress):
            points = halved_points(faces.landmarks[index])
            pictures[index] = np.dstack([halved(faces.images[index]), halved(faces.masks[index])])
            details[index] = np.rint(eye_mouth_mask(points, (side, side)) * 255)
            alike[index] = likeness(texture, points, Texture(pictures[index, ..., :3], points))
            inside[index] = mouth_interior(points, side)
        return pictures, details, alike, inside

    def _draw(
        self, rng: np.random.Generator, planes: Planes, allowed: np.ndarray, warp: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        chosen = rng.choice(allowed, self.batch)
        made = [training_sample(rng, (planes[0][i], planes[1][i], planes[2][i]), warp, 1.0) for i in chosen]
        x, y = to_tensor(np.stack([m[0] for m in made])), to_tensor(np.stack([m[1][0] for m in made]))
        detail, alike = (
            to_tensor(np.stack([m[1][1] for m in made])[..., None]),
            to_tensor(np.stack([m[1][2] for m in made])),
        )
        gain, offset = (torch.from_numpy(a)[..., None, None] for a in jitter_colour(rng, self.batch))
        x[:, :3] = (x[:, :3] * gain + offset).clamp(0, 1)
        return x, y, detail, alike

    def _loss(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        x = network_input(torch.cat([batch[w][0] for w in PEOPLE]).to(self.device))
        plane = self.network.inter(self.network.encoder(x.contiguous(memory_format=torch.channels_last)))
        window = gaussian_window(9, 1.5)
        losses = {}
        for who, part in zip(PEOPLE, plane.chunk(2), strict=True):
            _, truth, detail, alike = (t.to(self.device) for t in batch[who])
            face, mask = self.network.decoders[who](part, alike.contiguous(memory_format=torch.channels_last))
            hull, truth = truth[:, 3:], truth[:, :3]
            error = face - truth
            losses[who] = (
                10 * dssim(face * hull, truth * hull, window)
                + 10 * (error.square() * hull).mean()
                + 10 * (mask - hull).square().mean()
                + 10 * (error.abs() * detail).mean()
            )
        total = losses["source"] + losses["destination"]
        return total / 2, {f"loss_{who}": float(value.detach()) for who, value in losses.items()}

    @torch.no_grad()
    def _held_out_ssim(self, network: Autoencoder, who: str, planes: Planes, index: np.ndarray) -> float:
        index = index[:: max(1, len(index) // 64)]
        x, alike = to_tensor(planes[0][index]).to(self.device), to_tensor(planes[2][index]).to(self.device)
        made, _ = network(network_input(x), alike, who)
        # The inside of the mouth was given to the network, so it does not count.
        given = torch.from_numpy(planes[3][index])[:, None].to(self.device)
        return face_ssim(made, x[:, :3], x[:, 3:] * (1 - given))

    @torch.no_grad()
    def _sheet(
        self,
        network: Autoencoder,
        faces: dict[str, FaceArrays],
        planes: dict[str, Planes],
        held: dict[str, np.ndarray],
        rows: int = 4,
    ) -> np.ndarray:
        pictures = []
        for row in range(rows):
            line = []
            for who in PEOPLE:
                at = held[who][row * (len(held[who]) - 1) // max(1, rows - 1)]
                x = to_tensor(planes[who][0][at][None]).to(self.device)
                line += [
                    x[:, :3],
                    network(network_input(x), to_tensor(planes[who][2][at][None]).to(self.device), who)[0],
                ]
                if who == "destination":
                    living = faces[who].subset(slice(at, at + 1))
                    carried = halved(self._carried(living.images[0], living.masks[0], living.landmarks[0]))
                    line.append(network(network_input(x), to_tensor(carried[None]).to(self.device), "source")[0])
            pictures.append(torch.cat(line, 3))
        sheet = torch.cat(pictures, 2)[0].permute(1, 2, 0)
        return np.rint(sheet.clamp(0, 1).cpu().numpy() * 255).astype(np.uint8)

    def _carried(self, crop: np.ndarray, mask: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """The source's likeness with the expression of a destination crop: uint8 (S, S, 4).

        The inside of the mouth comes from the crop, in the source's colours.
        """
        source, rest = self.textures["source"], self.textures["destination"].landmarks
        wanted = carry_over(landmarks, rest, source.landmarks)
        living = None
        if mouth_interior(wanted, self.size).any():
            hull = mask.astype(np.float32) / 255
            coloured = reinhard(crop.astype(np.float32) / 255, source.image.astype(np.float32) / 255, hull)
            living = Texture(np.rint(coloured * 255).astype(np.uint8), landmarks)
        return likeness(source, wanted, living)

    # -- use -----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def render(
        self, crops: np.ndarray, masks: np.ndarray, landmarks: np.ndarray, times: np.ndarray
    ) -> Iterator[Rendered]:
        """Swap aligned destination crops; see ``SwapMethod.render``."""
        x = np.stack([np.dstack([halved(crop), halved(mask)]) for crop, mask in zip(crops, masks, strict=True)])
        alike = [self._carried(*one) for one in zip(crops, masks, landmarks, strict=True)]
        faces, learned = self.network.eval()(
            network_input(to_tensor(x).to(self.device)).contiguous(memory_format=torch.channels_last),
            to_tensor(np.stack([halved(a) for a in alike])).to(self.device, memory_format=torch.channels_last),
            "source",
        )
        made = torch.cat([faces, learned], 1).clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()
        for both, texture in zip(made, alike, strict=True):
            face = with_detail(np.ascontiguousarray(both[..., :3]), texture)
            mask = cv2.resize(both[..., 3], (self.size, self.size), interpolation=cv2.INTER_LINEAR)
            yield Rendered(np.rint(face * 255).astype(np.uint8), mask)

    def save(self, folder: Path) -> None:
        """Write weights and card. Raises ValueError for a model that was never trained."""
        if not self.card:
            raise ValueError("a model that was never trained has no card to save")
        tensors = dict(self.network.state_dict())
        for who, texture in self.textures.items():
            tensors[f"texture.{who}.image"] = torch.from_numpy(texture.image)
            tensors[f"texture.{who}.landmarks"] = torch.from_numpy(texture.landmarks)
        save_checkpoint(folder, self.card, tensors)

    @classmethod
    def load(cls, folder: Path, device: str = "auto") -> Quick96:
        """Read a model that ``save`` wrote. Raises InputError when it is missing, damaged or of another method."""
        card, tensors = load_checkpoint(folder, "swap")
        if card.get("method") != cls.name or card.get("size") != cls.size:
            raise InputError(f"{folder} holds a {card.get('method')} model, and {cls.name} is needed.")
        model = cls(int(card["seed"]), device, batch=int(card["batch"]))
        try:
            for who in PEOPLE:
                image, points = (tensors.pop(f"texture.{who}.{part}").numpy() for part in ("image", "landmarks"))
                model.textures[who] = Texture(image, points)
            model.network.load_state_dict(tensors)
        except (RuntimeError, KeyError) as error:
            raise InputError(f"The weights in {folder} do not fit {cls.name}.") from error
        model.network.eval()
        model.card = card
        return model


def _hash(faces: FaceArrays) -> str:
    digest = hashlib.sha256(faces.images.tobytes())
    digest.update(faces.landmarks.tobytes())
    return digest.hexdigest()[:16]
