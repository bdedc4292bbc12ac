"""What the autoencoder methods share: everything but their recipe.

With a likeness each decoder starts from its person's neutral texture bent to the wanted landmarks (``synth.texture``):
the encoder sees the face to be swapped, warped at random in training, and tells what the likeness lacks. For a swap,
the destination's departure from its own rest is carried over to the source's face at rest, and the fine texture of the
likeness is laid over what the network made. Without, it is the plain autoencoder of the field: the destination's code
through the source's decoder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from datasets.atomic import write_json
from datasets.checkpoint import load_checkpoint, read_card, save_checkpoint
from datasets.device import pick_device, thread_count, torch_threads
from datasets.errors import InputError
from datasets.facearrays import FaceArrays
from datasets.progress import Progress, silent, tell
from synth.adversary import PatchAdversary
from synth.architectures import Pair, network_of
from synth.composite.blend import blend_mask
from synth.crops import check_faces, data_hash, held_out, network_input
from synth.heldout import contact_sheet, held_out_ssim, laid_out
from synth.keeping import TEXTURE, described, packed, unpacked
from synth.method import Budget, Rendered
from synth.objective import PEOPLE, Batch, Objective
from synth.recipe import FROM, Recipe, recipe_from, with_options
from synth.sampling import Carried, Faces, mirrored, one_sided, recoloured, resized, yaw_weights
from synth.snapshots import AUTO, MOST_PARAMETERS, NONE, keep_snapshot
from synth.texture import Texture, carried, neutral_texture, shrunk, with_detail
from synth.training import STATE, Run

FEWEST_FACES = 8
# Parts of the crop's side: what is all likeness, and over what it fades.
RIM = (0.02, 0.07)
BEGINNING, UNKNOWN = "start.json", "not known"


class AutoencoderMethod:
    """Base of the registered methods; one instance is one model.

    Attributes:
        standard: the recipe that a person's options change.
        settled: names of options that this method does not leave open.
        measure_every: seconds between measurings on held-out faces.
        size: side of the crops, pixels: of the class for its standard recipe, of an instance for its own.
    """

    name: ClassVar[str]
    standard: ClassVar[Recipe]
    settled: ClassVar[tuple[str, ...]] = ()
    coverage: ClassVar[float] = 1.4
    trains: ClassVar[bool] = True
    composite: ClassVar[Mapping[str, Any]] = {}
    measure_every: ClassVar[float] = 20.0
    size: int

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.size = cls.standard.output

    def __init__(self, seed: int = 0, device: str = "auto", options: Mapping[str, Any] | None = None) -> None:
        self.options = {name: str(value) for name, value in (options or {}).items()}
        self.recipe, self.loop = with_options(self.standard, options, self.name, self.settled)
        self._begin(seed, device)

    def _begin(self, seed: int, device: str) -> None:
        self.seed, self.device, self.size = seed, pick_device(device), self.recipe.output
        torch.manual_seed(seed)
        self.network = self._fresh()
        self.adversary = PatchAdversary(self.recipe.gan_patch).to(self.device) if self.recipe.gan else None
        self.textures: dict[str, Texture] = {}
        self.card: dict[str, Any] = {}

    def _fresh(self) -> nn.Module:
        return network_of(self.recipe).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

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
        given = {"source": source, "destination": destination}
        check_faces(given, self.size, self.coverage, FEWEST_FACES, " to train on")
        remarks = one_sided(given)
        for sentence in remarks:
            tell(progress, sentence)
        splits = {who: held_out(those) for who, those in given.items()}
        textures = {}
        if self.recipe.likeness:
            textures = {who: neutral_texture(those.subset(splits[who][0])) for who, those in given.items()}
        data = {who: data_hash(those) for who, those in given.items()}
        start = self._start(Path(folder))
        if start != UNKNOWN:
            tell(progress, f"{start[0].upper()}{start[1:]}.")
        pair, shown = Pair(self.network), Pair(self._fresh())
        loop: dict[str, Any] = {"snapshots": self._usual_snapshots()}
        run = Run(
            pair,
            folder,
            {"method": self.name, "seed": self.seed} | self.recipe.fixed(),
            self.recipe.schedule(),
            parts={"adversary": self.adversary} if self.adversary else None,
            settings=self.recipe.changeable(),
            data=data,
            kept=packed(textures),
            precision=self.recipe.precision,
            compile=self.recipe.compile,
            ema_decay=self.recipe.ema,
            **(loop | self.loop),
        )
        # A training that goes on keeps the textures that its weights learned to depart from.
        self.textures = unpacked(run.kept, tuple(textures))
        faces = {who: self._faces(who, those) for who, those in given.items()}
        for who in PEOPLE:
            faces[who].prepare(who, progress)

        def averaged() -> nn.Module:
            shown.load_state_dict(run.ema.values)
            return shown.network.eval()

        def measure() -> dict[str, float]:
            network = averaged()
            return {
                f"ssim_{who}": held_out_ssim(network, who, faces[who], splits[who][1], self.device) for who in PEOPLE
            }

        def draw(step: int) -> None:
            if show:
                held = {who: splits[who][1] for who in PEOPLE}
                show(step, contact_sheet(averaged(), faces, held, self._carrying(self.recipe.size), self.device))

        said = {
            "kind": "swap",
            "version": 1,
            "name": self.name,
            "method": self.name,
            **described(self.recipe),
            "coverage": self.coverage,
            "seed": self.seed,
            "options": self.options,
            "start": start,
        }

        def keep(step: int) -> None:
            card = said | {"seconds": round(run.state.seconds, 1), "data": run.trained_on}
            keep_snapshot(Path(folder), step, card, averaged().state_dict(), packed(self.textures))

        self.network.train()
        objective = Objective(run.net, self.recipe, self.device, self.adversary)
        with torch_threads():
            run.train(
                self._batches(run, faces, {who: splits[who][0] for who in PEOPLE}),
                objective,
                budget,
                progress,
                measure,
                draw if show else None,
                self.measure_every,
                snapshot=keep,
            )
        ssim = measure()
        self.network.load_state_dict(shown.network.state_dict())
        self.network.eval()
        self.card = said | {
            "step": run.state.step,
            "seconds": round(run.state.seconds, 1),
            "notes": [*remarks, *run.notes],
            "device": self.device,
            "threads": thread_count(),
            "data": run.trained_on,
            "faces": {who: {"trained_on": len(splits[who][0]), "held_out": len(splits[who][1])} for who in PEOPLE},
            "heldout": {who: {"ssim": round(ssim[f"ssim_{who}"], 4)} for who in PEOPLE},
        }
        if run.trained_on != data:
            # No step was taken: the figures stay those of the faces that the weights come from.
            with suppress(InputError):
                earlier = read_card(folder)
                self.card |= {name: earlier[name] for name in ("faces", "heldout") if name in earlier}
        self.save(folder)
        return self.card

    def _start(self, folder: Path) -> str:
        """Give a training that begins its first weights, and say where they, or those of one that goes on, come from.

        Raises InputError for a start that is not there or does not fit, or that a person asks for and does not get.
        """
        from synth.base import BASE, another_start, kept_word, shipped, starting_weights

        note, word = folder / BEGINNING, self.recipe.start
        asked = FROM in self.options
        if asked and word == BASE and shipped(self.name) is None:
            raise InputError(f"{self.name} has no base to start from; leave --from out, or give none or a folder.")
        if (folder / STATE).is_file():
            held = json.loads(note.read_text(encoding="utf-8")) if note.is_file() else {}
            said = str(held.get("start", UNKNOWN))
            if asked and another_start(word, held):
                raise InputError(
                    f"The model in {folder} goes on from its own weights (what it began from: {said}); leave --from "
                    "out, or train anew with --force."
                )
            return said
        mine = self.network.state_dict()
        shapes = {name: tuple(value.shape) for name, value in mine.items()}
        tensors, said = starting_weights(self.name, word, shapes)
        if tensors:
            self.network.load_state_dict({**mine, **tensors})
        folder.mkdir(parents=True, exist_ok=True)
        write_json(note, {"start": said, "from": kept_word(word)})
        return said

    def _usual_snapshots(self) -> str:
        return AUTO if sum(p.numel() for p in self.network.parameters()) <= MOST_PARAMETERS else NONE

    def _faces(self, who: str, faces: FaceArrays) -> Faces:
        judged = who == "destination" and self.recipe.style > 0
        return Faces(faces, self.textures.get(who), self.recipe, self._carrying(self.recipe.size) if judged else None)

    def _carrying(self, side: int) -> Carried | None:
        """What makes of a destination crop at this size the source's likeness with its expression."""
        if not self.recipe.likeness:
            return None
        source, rest = (self.textures[who].shrunk(side) for who in PEOPLE)
        return lambda crop, mask, landmarks: carried(source, rest, crop, mask, landmarks, self.recipe.shape)

    def _batches(
        self, run: Run, faces: Mapping[str, Faces], allowed: Mapping[str, np.ndarray]
    ) -> Callable[[int, Callable[[int], float]], Iterator[Batch]]:
        recipe, schedule = self.recipe, self.recipe.schedule()
        chances = {
            who: yaw_weights(faces[who].faces.angles[allowed[who], 0]) if recipe.uniform_yaw else None for who in PEOPLE
        }

        def batches(first: int, part: Callable[[int], float]) -> Iterator[Batch]:
            step = first
            while True:
                seed = run.draws(self.seed, step)
                rng, other = np.random.default_rng(seed), np.random.default_rng([*seed, 1])
                now = part(step)
                warp = schedule.warp(now) if recipe.warp else 0.0
                people = {
                    who: faces[who].draw(rng, rng.choice(allowed[who], recipe.batch, p=chances[who]), warp)
                    for who in PEOPLE
                }
                if recipe.colour_transfer:
                    one, two = (people[who] for who in PEOPLE)
                    people = {"source": recoloured(other, one, two), "destination": recoloured(other, two, one)}
                if recipe.flip:
                    people = {who: mirrored(other, sample) for who, sample in people.items()}
                yield Batch(people, recipe.lateness(now))
                step += 1

        return batches

    # -- use -----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def render(
        self, crops: np.ndarray, masks: np.ndarray, landmarks: np.ndarray, times: np.ndarray
    ) -> Iterator[Rendered]:
        """Swap aligned destination crops; see ``SwapMethod.render``."""
        side = self.recipe.size
        small = [np.dstack([shrunk(crop, side), shrunk(mask, side)]) for crop, mask in zip(crops, masks, strict=True)]
        alike, laid = None, None
        if carry := self._carrying(self.size):
            alike = [carry(*one) for one in zip(crops, masks, landmarks, strict=True)]
            laid = laid_out([shrunk(a, side) for a in alike], self.device)
        faces, learned = self.network.eval()(network_input(laid_out(small, self.device)), laid, "source")
        made = torch.cat([faces, learned], 1).clamp(0, 1).permute(0, 2, 3, 1).float().cpu().numpy()
        for index, both in enumerate(made):
            face, mask = np.ascontiguousarray(both[..., :3]), resized(both[..., 3], self.size)
            if alike is not None:
                fine = alike[index]
                face = with_detail(face, fine) if self.size > side else face
                # Towards its rim a mesh holds hair and background too, which the network learned to draw: there the
                # likeness is shown, whose skin is spread to the rim and beyond.
                inner = blend_mask(mask, masks[index].astype(np.float32) / 255, *RIM)[..., None]
                face = fine[..., :3].astype(np.float32) / 255 * (1 - inner) + face * inner
            yield Rendered(np.rint(face * 255).astype(np.uint8), mask)

    def save(self, folder: Path) -> None:
        """Write weights and card. Raises ValueError for a model that was never trained."""
        if not self.card:
            raise ValueError("a model that was never trained has no card to save")
        save_checkpoint(folder, self.card, self.network.state_dict() | packed(self.textures))

    @classmethod
    def load(cls, folder: Path, device: str = "auto") -> Any:
        """A trained model. Raises InputError for another method's or a damaged one."""
        card, tensors = load_checkpoint(folder, "swap")
        if card.get("method") != cls.name:
            raise InputError(f"{folder} holds a {card.get('method')} model, and {cls.name} is needed.")
        model = cls.__new__(cls)
        # Models of the first version have no recipe in their card: theirs is the standard one.
        model.recipe = recipe_from(card["recipe"]) if "recipe" in card else cls.standard
        model.loop = {}
        model.options = dict(card.get("options", {}))
        if card.get("size") != model.recipe.output:
            raise InputError(f"{folder} holds a model for {card.get('size')} px, which does not fit its own recipe.")
        model._begin(int(card["seed"]), device)
        try:
            model.textures = unpacked(tensors, PEOPLE if model.recipe.likeness else ())
            model.network.load_state_dict({k: v for k, v in tensors.items() if not k.startswith(TEXTURE)})
        except (RuntimeError, KeyError) as error:
            raise InputError(f"The weights in {folder} do not fit {cls.name}.") from error
        model.network.eval()
        model.card = card
        return model
