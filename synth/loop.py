"""One call of training: from where a run stands to the end of its budget, with what is done on the way."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from datasets.ahead import ahead
from datasets.errors import CounterfaceError, InputError, Interrupted
from datasets.interrupt import StopRequested
from datasets.progress import Progress
from datasets.trainingstate import STATE, back_up
from synth.hardware import is_out_of_memory, memory_sentence
from synth.learner import LossOf, OutOfMemory, Stepped
from synth.method import Budget

if TYPE_CHECKING:
    from synth.training import Run

Batches = Callable[[int, Callable[[int], float]], Iterator[Any]]
BAD_STEPS_ALLOWED = 8
MOST_RETURNS = 3
SLOWER = 0.5
RECENT_SECONDS = 30.0
LOG_EVERY = 10


class Loop:
    """See ``Run.train``, whose arguments these are."""

    def __init__(
        self,
        run: Run,
        budget: Budget,
        progress: Progress,
        measure: Callable[[], dict[str, float]],
        show: Callable[[int], None] | None,
        measure_every: float,
        save_every: float,
        snapshot: Callable[[int], None] | None = None,
    ) -> None:
        self.run, self.budget, self.progress = run, budget, progress
        self.measure, self.show, self.snapshot = measure, show, snapshot
        self.measure_every, self.save_every = measure_every, save_every
        self.begun, self.before = time.monotonic(), run.state.seconds
        self.first = run.state.step
        self.last_measure = self.last_save = self.last_backup = self.begun
        self.recent: deque[tuple[float, int]] = deque([(self.begun, run.state.step)])
        self.bad, self.returns, self.furthest = 0, 0, 0

    def seconds(self) -> float:
        """Wall time of training, that of earlier runs included."""
        return self.before + time.monotonic() - self.begun

    def part(self, step: int) -> float:
        """What part of the training is done at a step, 0 to 1."""
        if self.budget.steps is not None:
            return min(1.0, step / max(1, self.budget.steps))
        return min(1.0, self.seconds() / (60 * (self.budget.minutes or 1.0)))

    def total(self) -> float | None:
        """How many steps it will be, as far as that can be told."""
        if self.budget.steps is not None:
            return float(self.budget.steps)
        step = self.run.state.step
        done = self.part(step)
        return None if done < 0.02 or not step else max(float(step), step / done)

    def rate(self, part: float) -> float:
        """The learning rate now."""
        state = self.run.state
        return state.slowed * self.run.schedule.learning_rate(state.step - state.warm_from, part)

    def go(self, batches: Batches, loss_of: LossOf) -> None:
        """Train until the budget is used up."""
        run = self.run
        if run.hardware.first(self.part(self.first))[0] >= 1:
            run.say_unchanged(self.progress)
            return
        self._begin()
        trained = False
        with StopRequested() as stop:
            while run.hardware.first(self.part(run.state.step))[0] < 1:
                steps = ahead(batches(run.state.step, self.part), 3)
                try:
                    for batch in steps:
                        stepped = self._step(batch, loss_of, stop.now)
                        trained = True
                        if not self._after(stepped, stop):
                            break
                finally:
                    steps.close()  # type: ignore[attr-defined]
            if trained:
                self._finish()
            if stop.now:
                raise Interrupted(
                    f"Training was stopped at its end, step {run.state.step}; the same command writes the model."
                )

    def _begin(self) -> None:
        """Say what is new since the state that the run goes on from, and hold on to one good state."""
        run = self.run
        run.take_as_now()
        if run.state.finished:
            run.state.finished = False
            part = self.part(run.state.step)
            before = run.state.slowed * run.schedule.rate * run.schedule.floor
            after = run.state.slowed * run.schedule.learning_rate(run.schedule.rise, part)
            if after > 1.01 * before:
                run.state.warm_from = run.state.step
                run.note(
                    "larger budget",
                    f"The model was finished at step {run.state.step}; with the larger budget its learning rate rises "
                    f"again, from {before:.2g} to {after:.2g}, and falls anew towards the end.",
                )
        run.say_events()
        run.hold()
        if run.state.step == 0:
            self._snapshot()

    def _step(self, batch: Any, loss_of: LossOf, stop: bool) -> Stepped:
        run = self.run
        step = run.state.step
        try:
            return run.learner.step(batch, loss_of, step, run.seed, self.rate, stop, self.part(step))
        except OutOfMemory as error:
            raise InputError(memory_sentence(self._kept_at_memory_end(True))) from error
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise InputError(memory_sentence(self._kept_at_memory_end(False))) from error

    def _kept_at_memory_end(self, whole: bool) -> str:
        """Save what there is, if the weights are whole; what is kept, in words."""
        run = self.run
        if whole and run.state.step > self.first and run.save():
            return f"The state of step {run.state.step} is kept; the same command goes on from it."
        if (run.folder / STATE).is_file():
            return f"The last state that was saved is kept in {run.folder}."
        return "Nothing was trained yet."

    def _after(self, stepped: Stepped, stop: StopRequested) -> bool:
        """Count, log, save, stop. False where the batches have to begin elsewhere, or the budget is used up."""
        run = self.run
        run.state.step += 1
        run.state.seconds = self.seconds()
        if run.learner.compile_failure:
            run.note("uncompiled", run.learner.compile_failure)
            run.learner.compile_failure = ""
            run.say_events()
        if run.curves.without_board:
            run.tell_once(run.curves.without_board)
        if stepped.loss is None:
            if not stepped.overflow and not self._skipped(stepped.why):
                return False
        else:
            self.bad = 0
            if run.state.step > self.furthest + 200:
                self.returns = 0
            self._report(stepped.loss, stepped.figures, stepped.part)
            self._snapshot()
        # Several processes do not stop at the same moment by themselves: they agreed on it in the step.
        halt = stepped.stop or (run.hardware.world == 1 and stop.now)
        due = time.monotonic() - self.last_save >= self.save_every
        part, to_save = run.hardware.first(self.part(run.state.step), float(due or halt))
        run.state.seconds = self.seconds()
        if part >= 1:
            return False
        if to_save and not self._save(halt):
            return False
        if halt:
            raise Interrupted(f"Training stopped at step {run.state.step}; the same command goes on from there.")
        return True

    def _snapshot(self) -> None:
        """Keep what the model can do now, if this step was chosen; the first process alone."""
        run = self.run
        if self.snapshot and run.hardware.rank == 0 and run.state.step in run.snapshots:
            self.snapshot(run.state.step)

    def _skipped(self, why: str) -> bool:
        """Count a step that was left out; goes back, and returns False, after several in a row."""
        run = self.run
        run.state.skipped += 1
        self.bad += 1
        run.log(event="skipped", note=f"step {run.state.step} left out: {why} is no number")
        if self.bad < BAD_STEPS_ALLOWED:
            return True
        self._go_back(f"{why} was no number {self.bad} steps in a row")
        return False

    def _go_back(self, why: str) -> None:
        """Take up the last good state with a lower rate; stop when that has been done too often."""
        run = self.run
        came_to, skipped, notes = run.state.step, run.state.skipped, run.state.notes
        self.furthest = max(self.furthest, came_to)
        slowed, seconds, warm = run.state.slowed * SLOWER, run.state.seconds, run.state.warm_from
        run.take_up_good()
        run.state.skipped, run.state.notes, run.state.seconds = skipped, notes, seconds
        self.returns += 1
        self.bad = 0
        if self.returns > MOST_RETURNS:
            raise CounterfaceError(
                f"Training came apart at step {came_to}: {why}, and going back to step {run.state.step} with a lower "
                f"rate did not help {MOST_RETURNS} times; the state of step {run.state.step} is kept. Look at the "
                "faces it trains on, give a lower --option rate, or train anew with --force."
            )
        run.state.slowed, run.state.warm_from = slowed, warm
        run.state.finished = False
        run.note(
            "went back",
            f"Training came apart at step {came_to}: {why}. It went back to step {run.state.step} and goes on with "
            f"{slowed:g} of the learning rate.",
        )
        run.say_events()
        self.recent = deque([(time.monotonic(), run.state.step)])
        if (run.folder / STATE).is_file():
            run.save()

    def _report(self, loss: float, figures: dict[str, float], part: float) -> None:
        """Show progress; log every tenth step, and now and then what is measured on held-out faces."""
        run = self.run
        now = time.monotonic()
        self.recent.append((now, run.state.step))
        while len(self.recent) > 2 and now - self.recent[0][0] > RECENT_SECONDS:
            self.recent.popleft()
        speed = (now - self.recent[0][0]) / max(1, run.state.step - self.recent[0][1])
        self.progress("training", run.state.step, self.total(), f"loss {loss:.3f}, {speed:.2f} s/step")
        # Losses at the same steps whatever the time, so that a run that went on has the lines of an unbroken one.
        if run.state.step % LOG_EVERY == 0:
            run.log(**figures, rate=self.rate(part))
            run.curves.board(run.state.step, s_per_step=speed)
        if now - self.last_measure >= self.measure_every:
            self._measured()
            self.last_measure = time.monotonic()

    def _measured(self) -> None:
        """Log figures on held-out faces, and show a preview; the first process alone."""
        run = self.run
        if run.hardware.rank == 0:
            run.log(**self.measure())
            if self.show:
                self.show(run.state.step)

    def _save(self, at_once: bool) -> bool:
        """Save, now and then with a backup; False where the state was no good, and the run went back."""
        run = self.run
        if not run.save():
            self._go_back("a weight was no number")
            return False
        self.last_save = time.monotonic()
        if not at_once and self.last_save - self.last_backup >= run.backup_every:
            self._back_up()
        return True

    def _back_up(self) -> None:
        """A backup that fails is said, and training goes on: the state itself was saved a moment ago."""
        run = self.run
        self.last_backup = time.monotonic()
        if run.hardware.rank:
            return
        try:
            back_up(run.folder, run.state.step, run.backups)
        except InputError as error:
            run.note("no backup", f"The backup of step {run.state.step} was not made: {error}")
            run.say_events()

    def _finish(self) -> None:
        run = self.run
        run.state.finished = True
        if not run.save():
            self._go_back("a weight was no number")
            raise CounterfaceError(
                f"Training ended with weights that are no numbers; the state of step {run.state.step} is kept: run the "
                "command again to go on from it."
            )
        self._back_up()
        # After the save, so that too little memory for measuring or a preview costs nothing that was learnt.
        self._measured()
