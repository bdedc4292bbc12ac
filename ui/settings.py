"""What the dashboard may be told: environment variables ``COUNTERFACE_STUDIO_*``, else ``studio.toml``, else defaults.

``studio.toml`` lies in the configuration folder that ``counterface doctor`` names::

    folders = ["/srv/clips"]         # readable beside the studio's own and the one it was started in
    quota_gb = 40                    # for uploads, workspaces and jobs together
    redis = "redis://queue:6379/0"   # in place of the SQLite queue, where several machines serve
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from datasets.errors import InputError
from datasets.home import home

FILE = "studio.toml"
PREFIX = "COUNTERFACE_STUDIO_"
FOLDER = "studio"


class StudioSettings(BaseSettings):
    """Settings of the dashboard.

    Attributes:
        folders: folders that pages may read clips and workspaces from, beside the studio's own and the one that
            ``counterface studio`` was started in.
        quota_gb: how much uploads, workspaces and jobs may fill together, in 10^9 bytes.
        upload_mb: the largest upload, in 10^6 bytes.
        longest_minutes: the longest clip that is taken in.
        largest_megapixels: the largest picture, and frame of a clip, that is taken in.
        probe_seconds, probe_memory_mb: how long looking at an upload may take, and with how much memory.
        workers: how many jobs run at a time; the machine's cores are shared out among them.
        stop_seconds: how long a job may take to stop at a point from which it goes on, before it is ended.
        detector_minutes: how long the detector of a result made under Make learns.
        redis: address of a Redis, in place of the SQLite queue.
        password: asked for by every page when it is set; at least twelve characters.
        users: e-mail addresses that a sign-in (``st.login``) may have; anyone the provider lets in where it is empty.
        public: set by ``--host``: the folder the studio was started in is then not readable by itself.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid")

    folders: tuple[Path, ...] = ()
    quota_gb: float = Field(default=20.0, gt=0)
    upload_mb: int = Field(default=2000, ge=1)
    longest_minutes: float = Field(default=30.0, gt=0)
    largest_megapixels: float = Field(default=36.0, gt=0)
    probe_seconds: float = Field(default=30.0, gt=0)
    probe_memory_mb: int = Field(default=1500, ge=200)
    workers: int = Field(default=2, ge=1, le=64)
    stop_seconds: float = Field(default=60.0, gt=0)
    detector_minutes: float = Field(default=0.75, gt=0)
    redis: str = ""
    password: SecretStr | None = Field(default=None, min_length=12)
    users: tuple[str, ...] = ()
    public: bool = False

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, home("config") / FILE)


def studio_settings(**given: Any) -> StudioSettings:
    """The settings as they are now. Raises InputError, in one sentence, when one makes no sense."""
    file = home("config") / FILE
    try:
        return StudioSettings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "a setting"
        raise InputError(f"The studio's setting {name} ({PREFIX}{name.upper()} or {file}): {first['msg']}.") from error
    except SettingsError as error:
        raise InputError(
            f"A setting in the environment ({PREFIX}...) is not written as it should be ({error}); lists are JSON: "
            '["/srv/clips", "/srv/more"].'
        ) from error
    except ValueError as error:
        raise InputError(f"{file} cannot be read: {error}.") from error


def studio_home() -> Path:
    """The installation's own folder: ``jobs``, ``uploads``, ``workspaces``, and what other services keep."""
    folder = home("data") / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def kept_of(source: Path, kind: str) -> Path:
    """Where the studio keeps what it made, of a kind, of a workspace or a data set that lies elsewhere."""
    source = Path(source).resolve()
    return studio_home() / kind / f"{source.name}-{hashlib.sha256(str(source).encode()).hexdigest()[:10]}"
