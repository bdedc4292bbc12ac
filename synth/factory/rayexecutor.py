"""Units on a Ray cluster: actors that keep the models they have loaded, parts of GPUs, restarts.

Ray holds no state that matters: what is done stands in the rows on the disk, which all machines must see under the same
path, as they must the folder of keys and records (``COUNTERFACE_HOME``). Should the cluster go down, the same command
goes on, with Ray or without.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from datasets.errors import CounterfaceError, InputError
from datasets.home import VARIABLE
from synth.factory.executors import ONE_THREAD, count_try, one_thread
from synth.factory.plan import Unit
from synth.factory.units import Site, perform

ON_GPU = {"train": "train_gpus", "render": "render_gpus"}


class Worker:
    """What runs in an actor: units, one after the other, with the models of earlier ones still loaded."""

    def __init__(self, site: Site) -> None:
        one_thread()
        self.site = site

    def process(self) -> int:
        """The number of the process it lives in."""
        return os.getpid()

    def do(self, unit: Unit) -> str:
        perform(unit, self.site)
        return unit.id


class RayExecutor:
    """Give units to actors; those that take a part of a GPU have actors of their own.

    Args:
        workers: actors on CPUs; as many as the cluster has CPUs when 0.
        resources: ``train_gpus`` and ``render_gpus``, the part of a GPU that a unit takes.

    Raises:
        InputError: Ray is not installed, or the cluster has no GPU and one is asked for.
    """

    def __init__(self, site: Site, workers: int, resources: Mapping[str, float]) -> None:
        try:
            import ray
        except ImportError as error:
            raise InputError(
                "--executor ray needs Ray, an optional part: install counterface[ray], or use --executor local."
            ) from error
        self.ray, self.site = ray, site
        self.mine = not ray.is_initialized()
        if self.mine:
            given = {name: "1" for name in ONE_THREAD}
            given |= {VARIABLE: os.environ[VARIABLE]} if VARIABLE in os.environ else {}
            address = os.environ.get("RAY_ADDRESS")
            local: dict[str, Any] = {} if address else {"num_cpus": workers or None, "include_dashboard": False}
            ray.init(address=address, runtime_env={"env_vars": given}, log_to_driver=False, logging_level=40, **local)
        there = ray.cluster_resources()
        cpus, gpus = int(there.get("CPU", 1)), float(there.get("GPU", 0))
        self.share = {kind: float(resources.get(name, 0.0)) for kind, name in ON_GPU.items()}
        most = max(self.share.values())
        if most > gpus:
            raise InputError(f"The recipe asks for {most:g} of a GPU a unit, and this Ray cluster has {gpus:g}.")
        self.idle: dict[str, list[Any]] = {"cpu": [self._actor("cpu") for _ in range(workers or cpus)]}
        for kind, part in self.share.items():
            if part:
                # Both kinds share the GPUs half and half, so that neither waits for the other for ever.
                together = sum(1 for share in self.share.values() if share)
                self.idle[kind] = [self._actor(kind) for _ in range(max(1, int(gpus / part / together)))]
        self.places = sum(len(actors) for actors in self.idle.values())
        self.waiting: dict[str, list[Unit]] = {pool: [] for pool in self.idle}
        self.running: dict[Any, tuple[Unit, Any, str]] = {}
        self.tries: dict[str, int] = {}

    def _actor(self, pool: str) -> Any:
        part = self.share.get(pool, 0.0)
        options = {"num_cpus": 0, "num_gpus": part} if part else {"num_cpus": 1}
        return self.ray.remote(**options)(Worker).remote(self.site)

    def _pool(self, unit: Unit) -> str:
        return unit.kind if self.share.get(unit.kind) else "cpu"

    def give(self, unit: Unit) -> None:
        self.waiting[self._pool(unit)].append(unit)
        self._hand_out()

    def _hand_out(self) -> None:
        for pool, units in self.waiting.items():
            while units and self.idle[pool]:
                unit, actor = units.pop(0), self.idle[pool].pop()
                self.running[actor.do.remote(unit)] = (unit, actor, pool)

    def finished(self) -> Iterator[str]:
        found, _ = self.ray.wait(list(self.running), num_returns=1)
        for reference in found:
            unit, actor, pool = self.running.pop(reference)
            try:
                done = self.ray.get(reference)
            except self.ray.exceptions.RayActorError:
                count_try(self.tries, unit)
                self.idle[pool].append(self._actor(pool))
                self.waiting[pool].insert(0, unit)
                self._hand_out()
                continue
            except self.ray.exceptions.RayTaskError as error:
                cause = error.cause
                raise cause if isinstance(cause, CounterfaceError) else error from error
            self.idle[pool].append(actor)
            self._hand_out()
            yield done

    def close(self) -> None:
        self.running.clear()
        if self.mine:
            self.ray.shutdown()
