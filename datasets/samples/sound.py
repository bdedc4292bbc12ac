"""The soft voice of a sample: a hum that opens and closes with the mouth. It says nothing and imitates no one."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from datasets.samples.performance import CURVES, RATE, SCORES, SECONDS, envelope

SAMPLE_RATE = 48_000
PEAK = 0.12
HARMONICS = 24
# Centre and width of the first three resonances of an open and of a rounded vowel, Hz (Peterson and Barney 1952).
OPEN = ((850.0, 130.0), (1220.0, 160.0), (2810.0, 260.0))
ROUND = ((370.0, 90.0), (950.0, 120.0), (2670.0, 260.0))


def _resonance(hertz: np.ndarray, vowel: tuple[tuple[float, float], ...]) -> np.ndarray:
    return sum((0.7**i) / (1.0 + ((hertz - f) / w) ** 2) for i, (f, w) in enumerate(vowel))  # type: ignore[return-value]


def voice(name: str, seconds: float = SECONDS) -> np.ndarray:
    """The sound of a sample, float32 (samples,) in [-1, 1], 48 kHz mono; its loudness follows the mouth."""
    score = SCORES[name]
    random = np.random.default_rng(score.seed + 3)
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    knots = np.arange(0.0, seconds + 0.1, 1.0 / CURVES)
    loud = np.interp(t, knots, envelope(name, knots))
    phases = random.uniform(0, 2 * np.pi, 3)
    melody = sum(np.sin(2 * np.pi * rate * t + p) for rate, p in zip((0.31, 0.77, 1.9), phases, strict=True)) / 3
    pitch = score.pitch_hz * (1.0 + 0.06 * melody + 0.03 * loud)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    openness = np.clip(loud * 1.2, 0.0, 1.0)
    sound = np.zeros_like(t)
    for k in range(1, HARMONICS + 1):
        tone = openness * _resonance(k * pitch, OPEN) + (1 - openness) * _resonance(k * pitch, ROUND)
        sound += tone * np.sin(k * phase) / np.sqrt(k)
    sound = sound / np.abs(sound).max() * loud**1.3
    breath = random.standard_normal(len(t))
    breath = np.convolve(breath, np.hanning(9) / np.hanning(9).sum(), mode="same")
    room = 0.004 + 0.03 * loud
    return (PEAK * (sound + room * breath)).astype(np.float32)


def write_carrier(path: Path, sound: np.ndarray) -> None:
    """Write a clip that only matters for its sound: AAC mono beside one tiny picture, which every clip must have."""
    import av

    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE)
        video.width = video.height = 16
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        audio.bit_rate = 96_000
        picture = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
        picture.pts, picture.time_base = 0, Fraction(1, RATE)
        container.mux(video.encode(picture))
        container.mux(video.encode(None))
        step = 1024
        for start in range(0, len(sound), step):
            piece = av.AudioFrame.from_ndarray(sound[None, start : start + step], format="fltp", layout="mono")
            piece.sample_rate, piece.pts, piece.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
            container.mux(audio.encode(piece))
        container.mux(audio.encode(None))
