"""The training loop of a swap model: seeded, resumable, guarded against bad steps, one process or several.

Every step draws its samples from (seed, step) alone, so that a run that was stopped and went on sees what an unbroken
one would have seen. A step whose loss or gradient is no number changes nothing and is counted; after several in a row
the run goes back to its last good state with a lower rate, and after some returns it stops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from datasets.errors import CounterfaceError, InputError
from datasets.progress import Progress, silent, tell
from datasets.trainingstate import STATE as STATE
from datasets.trainingstate import backups as backups_in
from datasets.trainingstate import read_state, write_state
from synth.curves import METRICS as METRICS
from synth.curves import Curves
from synth.curves import read_metrics as read_metrics
from synth.hardware import LOOP_OPTIONS as LOOP_OPTIONS
from synth.hardware import Hardware
from synth.hardware import loop_options as loop_options
from synth.learner import Learner, LossOf, sound
from synth.loop import Batches, Loop
from synth.method import Budget
from synth.schedule import Ema as Ema
from synth.schedule import Schedule as Schedule
from synth.snapshots import chosen_steps, drop_after


@dataclass
class State:
    """What a run must remember to go on, beside its tensors.

    Attributes:
        step: steps taken, those that were left out included.
        seconds: wall time of training so far.
        skipped: steps whose loss or gradient was no number.
        slowed: what the schedule's rate is taken times, below 1 after a return to an earlier state.
        warm_from: the step from which the rate rises (0, or where a finished run was given a larger budget).
        finished: the budget of that time was used up.
        notes: sentences for a person, kept with the model.
    """

    step: int = 0
    seconds: float = 0.0
    skipped: int = 0
    slowed: float = 1.0
    warm_from: int = 0
    finished: bool = False
    notes: list[str] = field(default_factory=list)


class Run:
    """One training run in a folder.

    Args:
        model: the network.
        folder: where state, backups and curves are kept; a state that is there is gone on with.
        identity: what must be the same to go on (method, seed, architecture); a state of another identity is refused.
        parts: further networks by name, each with a loss and an optimiser of its own.
        optimizers, rates: see ``Learner``.
        settings: what may change from one run to the next; a change is said and logged (batch, precision).
        data: a hash of each person's faces; a change is said and logged too. ``run.trained_on`` is those of the faces
            that the weights come from: where no step is taken, those of the state.
        kept: tensors that belong to the weights and are made once (a neutral texture); ``run.kept`` is those of the
            state that the run goes on from.
        precision, devices: see ``Hardware``.
        compile: whether torch.compile makes the model.
        snapshots: at which steps ``train`` calls its ``snapshot``, see ``synth.snapshots``.
        backups: how many backups to keep, 0 for none; one is made every ``backup_every`` seconds and at the end.
        ema_decay, clip: see ``Learner``.

    Raises:
        InputError: a damaged state, or one of another method, size or option; hardware that is not there.
    """

    def __init__(
        self,
        model: nn.Module,
        folder: Path,
        identity: Mapping[str, Any],
        schedule: Schedule,
        *,
        parts: Mapping[str, nn.Module] | None = None,
        optimizers: Mapping[str, torch.optim.Optimizer] | None = None,
        rates: Mapping[str, float] | None = None,
        settings: Mapping[str, Any] | None = None,
        data: Mapping[str, str] | None = None,
        kept: Mapping[str, Tensor] | None = None,
        precision: str = "32",
        compile: bool = False,
        devices: int = 1,
        snapshots: str = "none",
        backups: int = 3,
        backup_every: float = 600.0,
        ema_decay: float = 0.998,
        clip: float = 1.0,
    ) -> None:
        self.folder, self.identity, self.schedule = Path(folder), dict(identity), schedule
        self.settings, self.data, self.kept = dict(settings or {}), dict(data or {}), dict(kept or {})
        self.begun_with, self.trained_on = dict(self.data), dict(self.data)
        self._changes: list[tuple[str, str]] = []
        self.backups, self.backup_every = backups, backup_every
        self.snapshots = chosen_steps(snapshots)
        first = next(model.parameters(), None)
        self.hardware = Hardware(first.device.type if first is not None else "cpu", precision, devices)
        self.learner = Learner(model, self.hardware, schedule.rate, parts, optimizers, rates, ema_decay, clip, compile)
        self.curves = Curves(self.folder, quiet=self.hardware.rank > 0)
        self.state = State()
        self._events: list[tuple[str, str]] = []
        self._good: tuple[dict[str, Any], dict[str, Tensor]] | None = None
        self._told: set[str] = set()
        self._progress: Progress = silent
        self.folder.mkdir(parents=True, exist_ok=True)
        if (self.folder / STATE).is_file():
            self._restore()
        elif backups_in(self.folder):
            newest = max(backups_in(self.folder))
            raise InputError(
                f"{self.folder / STATE} is missing, and there is a backup of step {newest}: go on from it with "
                "counterface train WORKSPACE --restore last, or train anew with --force."
            )
        self.hardware.barrier()

    @property
    def model(self) -> nn.Module:
        """The bare network."""
        return self.learner.model

    @property
    def net(self) -> nn.Module:
        """What to call for a forward pass: the network itself, which is compiled in place."""
        return self.learner.model

    @property
    def seed(self) -> int:
        return int(self.identity.get("seed", 0))

    @property
    def ema(self) -> Ema:
        """The averaged weights, which are what gets used."""
        return self.learner.ema

    @property
    def notes(self) -> list[str]:
        """What a person should know of this training."""
        return list(self.state.notes)

    def draws(self, seed: int, step: int) -> list[int]:
        """Seeds of what is drawn for a step: the same in one process, others in each of several."""
        return [seed, step] if self.hardware.world == 1 else [seed, step, self.hardware.rank]

    # -- state ---------------------------------------------------------------------------------------------------

    def save(self) -> bool:
        """Write the state, whole or not at all; a state with a number in it that is none is not written."""
        tensors = self.learner.pack()
        if not sound(tensors):
            return False
        if self.hardware.rank == 0:
            tensors |= {f"kept.{name}": value for name, value in self.kept.items()}
            write_state(self.folder / STATE, self._header(), tensors)
        self.hardware.barrier()
        self._good = None
        return True

    def _header(self) -> dict[str, Any]:
        return vars(self.state) | {
            "notes": list(self.state.notes),
            "identity": self.identity,
            "settings": self.settings,
            "data": self.trained_on,
            "begun_with": self.begun_with,
            "scale": self.hardware.scale,
        }

    def _restore(self) -> None:
        """Go on from what is on disk, and note what is other than then."""
        file = self.folder / STATE
        header, tensors = read_state(file)
        said = _differences(header["identity"], self.identity)
        if said:
            raise InputError(f"The model in {self.folder} {said}; give the same as then, or train anew with --force.")
        try:
            self._take_up(header, tensors)
        except (KeyError, RuntimeError, ValueError) as error:
            raise InputError(
                f"{file} does not fit this network: it holds the weights of another size or another method; "
                "give the options it was begun with, or train anew with --force."
            ) from error
        self.begun_with = dict(header.get("begun_with") or self.data)
        self.trained_on = self.data | dict(header.get("data") or {})
        if changed := self._other_faces():
            sentence = (
                f"The faces of the {changed} are others than before; from step {self.state.step} on the model trains "
                "on them as they are now."
            )
            self._changes.append(("other faces", sentence))
        held = header.get("settings", {})
        said = ", ".join(f"{k} {v} (was {held[k]})" for k, v in self.settings.items() if k in held and held[k] != v)
        if said:
            self._changes.append(("other settings", f"From step {self.state.step} on: {said}."))

    def _other_faces(self) -> str:
        return " and the ".join(who for who, value in self.data.items() if self.trained_on.get(who) != value)

    def take_as_now(self) -> None:
        """Train on the faces and with the settings of this call, and note what is other than in the state."""
        self.trained_on = dict(self.data)
        for event, sentence in self._changes:
            self.note(event, sentence)
        self._changes.clear()

    def say_unchanged(self, progress: Progress) -> None:
        """Tell whoever watches that there is nothing to train."""
        changed = self._other_faces()
        before = f"The faces of the {changed} are others than the model was trained on, and its" if changed else "The"
        tell(
            progress,
            f"{before} budget is used up: the model stays as it is at step {self.state.step}; give more --steps or "
            "--minutes to go on, or --force to train anew.",
        )

    def _take_up(self, header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        self.learner.unpack(tensors)
        self.kept |= {k.removeprefix("kept."): v for k, v in tensors.items() if k.startswith("kept.")}
        self.hardware.scale = header.get("scale", {})
        self.state = State(**{name: header[name] for name in vars(State()) if name in header})
        self.curves.drop_after(self.state.step)
        if self.hardware.rank == 0:
            drop_after(self.folder, self.state.step)

    def hold(self) -> None:
        """Keep the state as it is in memory, until there is one on disk, so that there is one to go back to."""
        if not (self.folder / STATE).is_file():
            self._good = (self._header(), self.learner.pack())

    def take_up_good(self) -> None:
        """Go back to the last good state, which is on disk or, before the first save, in memory."""
        header, tensors = self._good or read_state(self.folder / STATE)
        self._take_up(header, tensors)

    def note(self, event: str, sentence: str) -> None:
        """Remember a sentence for the card, the console and, as soon as training goes on, the metrics."""
        self.state.notes.append(sentence)
        self._events.append((event, sentence))

    def say_events(self) -> None:
        for event, sentence in self._events:
            self.log(event=event, note=sentence)
            tell(self._progress, sentence)
        self._events.clear()

    def tell_once(self, sentence: str) -> None:
        """Say something to whoever watches, the first time only."""
        if sentence not in self._told:
            self._told.add(sentence)
            tell(self._progress, sentence)

    def log(self, **figures: float | str) -> None:
        """Append one line to ``metrics.jsonl``."""
        self.curves.log(self.state.step, self.state.seconds, **figures)

    # -- the loop ------------------------------------------------------------------------------------------------

    def train(
        self,
        batches: Batches,
        loss_of: LossOf,
        budget: Budget,
        progress: Progress,
        measure: Callable[[], dict[str, float]],
        show: Callable[[int], None] | None = None,
        measure_every: float = 20.0,
        save_every: float = 60.0,
        snapshot: Callable[[int], None] | None = None,
    ) -> None:
        """Train until the budget is used up.

        Args:
            batches: called with (first step, a function that tells what part of the training is done at a step) for
                an endless iterator. It is drawn from ahead of the training, so it must not look at the run's own step.
            loss_of: a batch to the loss, or to (loss, figures to log). With parts the loss is a mapping: ``model``
                and the parts' names to a scalar each; a part without a loss takes no step.
            measure: figures on held-out faces with the averaged weights.
            show: called with the step after each measuring, to draw a preview.
            measure_every, save_every: seconds.
            snapshot: called with the step where one was chosen, to keep the averaged weights as they are then.

        Raises:
            Interrupted: Ctrl-C; the state is saved first.
            InputError: the device's memory is used up; the last state is kept.
            CounterfaceError: losses or gradients that are no numbers, again and again.
        """
        if self.hardware.rank:
            progress = silent
        self._progress = progress
        loop = Loop(self, budget, progress, measure, show, measure_every, save_every, snapshot)
        try:
            loop.go(batches, loss_of)
        except BaseException as error:
            self.hardware.end_others()
            if self.hardware.rank and isinstance(error, CounterfaceError):
                raise SystemExit(0) from None  # the first process says it
            raise
        finally:
            self.curves.close()
        if self.hardware.rank:
            raise SystemExit(0)  # the first process has all there is to go on with


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """How a state's identity differs from the wanted one, for a person; empty where it does not."""
    if "method" in then and "method" in now and then["method"] != now["method"]:
        return f"is of the method {then['method']}, not {now['method']}"
    flat_then, flat_now = _flat(then), _flat(now)
    changed = sorted(k for k in flat_then.keys() | flat_now.keys() if flat_then.get(k) != flat_now.get(k))
    said = ", ".join(f"{k} ({flat_then.get(k, 'none')} then, {flat_now.get(k, 'none')} now)" for k in changed)
    return f"was begun with other {said}" if changed else ""


def _flat(table: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{key}.")
        else:
            found[f"{before}{key}"] = list(value) if isinstance(value, tuple) else value
    return found
