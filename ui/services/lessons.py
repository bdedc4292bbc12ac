"""The words of the page Learn: steps of a swap, the two rules, and what the law asks."""

from __future__ import annotations

from dataclasses import dataclass

WRITTEN = "November 2026"


@dataclass(frozen=True)
class Step:
    """One step of the way: the key of its pictures in the album, its title, what happens, and what to look at."""

    key: str
    title: str
    said: str
    look: str


def steps(source: str, destination: str, trained: tuple[int, ...]) -> tuple[Step, ...]:
    """How a swap is made, in order, for two people and a training."""
    least, most = (trained[0], trained[-1]) if trained else (0, 0)
    between = f" Between the two pictures below lie {most - least:,} steps." if most > least else ""
    return (
        Step(
            "clips",
            "Two clips",
            f"The source gives the face: {source}. The destination gives everything else, head, hair, light and "
            f"movement: {destination}. Both need a record that says on what ground the face may be used.",
            "Both are public-domain portraits that the studio set in motion itself, so both carry the “AI” badge.",
        ),
        Step(
            "face",
            "Find the face",
            "In every frame a detector finds the face, and a second network lays a mesh of 478 points over it. The "
            "mesh says where eyes, mouth and outline are, frame by frame.",
            "Look at the lips: the mesh opens with them. This is how the expression is carried over.",
        ),
        Step(
            "crop",
            "Cut it out, upright",
            "The face is turned upright and brought to one size, so that the model always sees eyes and mouth in the "
            "same place. Only what lies inside the mesh counts.",
            "The picture is small. Whatever detail the model draws, it draws at this size.",
        ),
        Step(
            "training",
            "Train",
            "One encoder learns to describe any of the two faces; each person has a decoder of their own that redraws "
            f"them from such a description.{between}",
            "Columns: source, redrawn; destination, redrawn; last the swap: the destination's expression, redrawn by "
            "the source's decoder.",
        ),
        Step(
            "face-made",
            "Draw the other face",
            "The destination's crop goes in, the source's decoder answers: the source's face with the destination's "
            "expression, and a mask that says where to use it.",
            "Outside the face the model draws nothing sensible; the mask leaves that out.",
        ),
        Step(
            "back",
            "Put it back",
            "The drawn face is bent back into the frame. Pasted as it is, everyone sees it. Colour, edge, sharpness "
            "and grain are matched, and the edge is blended.",
            "The mask on the right is the truth: white was replaced, black was not touched at all.",
        ),
        Step(
            "done",
            "Mark it, and look for it",
            "The finished frame gets its badge, an invisible watermark and signed Content Credentials; nothing leaves "
            "without them. Then a detector that learned on another part of this clip looks at it.",
            "Compare the detector's picture with the mask: it found the place by itself.",
        ),
    )


RULES = (
    (
        "No unlabelled output",
        "Every picture and video with a synthetic face that leaves this studio carries three marks: the badge, the "
        "invisible watermark, and signed Content Credentials that say what was done, of what, and on what ground. No "
        "setting turns one off.",
    ),
    (
        "No face without a ground",
        "Every face needs a record in force before it is used: it is your own, there is written consent, the portrait "
        "is in the public domain, the person does not exist, or the material is licensed for research. A record that "
        "ends or is withdrawn stops the work.",
    ),
)
LAW = (
    (
        "Who has to say it",
        "In the European Union, Article 50 of the AI Act has applied since August 2026. Whoever provides a system that "
        "makes synthetic pictures, video or sound has its output marked so that machines can find it; whoever shows a "
        "deep fake says that it is one.",
    ),
    (
        "Two layers",
        "The code of practice that goes with it asks for two marks at once: signed metadata, and a mark in the picture "
        "that can't be seen. Each is lost where the other one holds.",
    ),
    (
        "A label that people see",
        "For deep fakes it asks for a visible label from the first frame, top right, readable on any background. That "
        "is where this studio's badge sits.",
    ),
    (
        "A way to check, and to be checked",
        "Anyone must be able to look for the marks free of charge, and the answer says on what it rests. How well the "
        "marks survive is tested and published. Marks of others are never removed.",
    ),
)
BEYOND = (
    "A mark does not make a use lawful. A face is also protected by data protection, by the right to one's own image, "
    "and where it hurts or deceives, by criminal law; these differ from country to country."
)
NO_ADVICE = f"Written in {WRITTEN}, to explain and not to advise: for a case of your own, ask a lawyer."
TEACH = (
    ("5 min", "Play three rounds of “Spot the fake” before any explanation. Keep the scores."),
    ("15 min", "Go through “How a swap is made”. Ask at each step what could go wrong there."),
    ("10 min", "“Where it gives itself away”: which of these could you have seen yourself?"),
    ("10 min", "“What a score says”: set one fake in a thousand, and let them guess the answer first."),
    ("5 min", "Three more rounds. Are they better, or only surer?"),
)
