"""The rounds of the quiz: which clip comes next, what was guessed, and how you, everyone here and the detector did.

A round is one line of JSON, the same for ever, which ``counterface evaluate people`` reads; it holds no name, no
address and nothing of the machine, only a random number for the player that ends with the browser's tab.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import random
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from datasets.errors import InputError
from evaluate.quizanswers import Answer
from ui.services.quizclips import QuizClip
from ui.settings import studio_home

FILE = "rounds.jsonl"
LEAST, MOST = 0.5, 1.0
Guess = Literal["fake", "real"]
CALLED = {"manipulated": "fake", "no manipulation found": "real"}


@dataclass(frozen=True)
class Tally:
    """How somebody did.

    Attributes:
        right: answers that were right. of: answers.
        unsure: how often there was none (the detector says "cannot tell").
        interval: 95 % of the share of right answers (Clopper and Pearson), None without an answer.
        confidence: mean, None where it is not given.
    """

    right: int
    of: int
    unsure: int = 0
    interval: tuple[float, float] | None = None
    confidence: float | None = None

    @property
    def share(self) -> float | None:
        """Of right answers among those given, None without one."""
        return self.right / self.of if self.of else None


def rounds_file() -> Path:
    """Where all rounds of this installation are kept."""
    return studio_home() / "quiz" / FILE


def new_id() -> str:
    """A random id of a player or a sitting, of which nothing leads to a person."""
    return secrets.token_hex(8)


def next_clip(clips: Sequence[QuizClip], seen: Collection[str], rng: random.Random | None = None) -> QuizClip | None:
    """A clip to ask about, swap or original with even odds; of a stretch one alone, else one gives the other away.

    Args:
        seen: groups that were asked about already.
    """
    rng = rng or random.Random(secrets.randbits(64))
    left = sorted({clip.group for clip in clips} - set(seen))
    if not left:
        return None
    group = rng.choice(left)
    wanted = rng.choice(["fake", "real"])
    own = [clip for clip in clips if clip.group == group]
    return rng.choice([clip for clip in own if clip.label == wanted] or own)


def answer(clip: QuizClip, sitting: str, player: str, guess: Guess, confidence: float, seconds: float) -> Answer:
    """Keep an answer; returns it.

    Raises:
        InputError: a guess or a confidence that can't be, or the file can't be written.
    """
    if guess not in ("fake", "real") or not LEAST <= confidence <= MOST:
        raise InputError("A guess is fake or real, with a confidence from 0.5 to 1.")
    made = Answer(
        round=sitting,
        player=player,
        clip=clip.clip,
        label=clip.label,
        guess=guess,
        confidence=round(float(confidence), 3),
        machine=clip.machine,
        verdict=clip.verdict,
        method=clip.method,
        seconds=round(max(0.0, seconds), 2),
        at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    )
    file = rounds_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a+b") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            held.seek(0)
            before = held.read()
            if not before.endswith(b"\n"):
                held.truncate(before.rfind(b"\n") + 1)  # what a kill cut off is no answer
            held.write(json.dumps(asdict(made), ensure_ascii=False).encode() + b"\n")
    except OSError as error:
        raise InputError(f"The answer could not be kept in {file}: {error.strerror}.") from error
    return made


def rounds() -> list[Answer]:
    """All rounds of this installation, the oldest first; a line that was cut off is passed over."""
    try:
        lines = rounds_file().read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(Answer(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return found


def exported(held: Iterable[Answer]) -> str:
    """Rounds as JSON lines, as they are kept."""
    return "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in held)


def forget(player: str | None = None) -> None:
    """Remove the rounds of one player, or all."""
    from datasets.atomic import write_text

    file = rounds_file()
    if not file.is_file():
        return
    left = [] if player is None else [one for one in rounds() if one.player != player]
    write_text(file, exported(left))


def of_people(held: Sequence[Answer]) -> Tally:
    """How those who answered did."""
    right = sum(one.right for one in held)
    confidence = sum(one.confidence for one in held) / len(held) if held else None
    return Tally(right, len(held), 0, _interval(right, len(held)), confidence)


def of_machine(held: Sequence[Answer]) -> Tally:
    """How the detector did on the same clips, each counted as often as it was shown; no answer is no mistake."""
    said = [(CALLED.get(one.verdict), one.label) for one in held]
    answered = [(called, label) for called, label in said if called is not None]
    right = sum(called == label for called, label in answered)
    return Tally(right, len(answered), len(said) - len(answered), _interval(right, len(answered)))


def _interval(hits: int, of: int) -> tuple[float, float] | None:
    from evaluate.intervals import clopper_pearson

    return clopper_pearson(hits, of) if of else None


def by_confidence(held: Sequence[Answer]) -> list[dict[str, Any]]:
    """Share of right answers among those given with some confidence: are people right as often as they feel sure?"""
    bands = ((0.5, 0.6), (0.6, 0.75), (0.75, 0.9), (0.9, 1.01))
    rows = []
    for low, high in bands:
        own = [one for one in held if low <= one.confidence < high]
        if own:
            said = f"{100 * low:.0f} to {min(100, 100 * high):.0f} %"
            mean = sum(one.confidence for one in own) / len(own)
            rows.append(
                {"band": said, "sure": mean, "right": sum(one.right for one in own) / len(own), "answers": len(own)}
            )
    return rows
