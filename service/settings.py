"""Everything an operator can set, in one place: a flag, an environment variable, one documented field."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.providers import ProviderName

MEBI = 1024 * 1024


def _listed(value: object) -> object:
    """`a,b` as people write it in an environment variable; JSON too, for programs."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    return json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",") if part.strip()]


class Settings(BaseSettings):
    """Serve a re-identification model: embed crops of people, enrol them in galleries, search."""

    model_config = SettingsConfigDict(
        env_prefix="REID_",
        frozen=True,
        extra="forbid",
        cli_prog_name="python -m service",
        cli_kebab_case=True,
        cli_implicit_flags="toggle",
        cli_hide_none_type=True,
        cli_avoid_json=True,
        protected_namespaces=(),
    )

    model: Path = Field(
        Path("models/market1501.onnx"),
        description="The ONNX file, flavour 'service', with its contract inside (python -m export writes it).",
    )
    gallery: str = Field(
        "file:data",
        description="Where galleries live: file:DIRECTORY (SQLite and faiss) or milvus://HOST:PORT/DATABASE.",
    )
    host: str = Field("127.0.0.1", description="Address to bind. Any other than loopback needs API keys or --no-auth.")
    port: int = Field(8000, ge=0, le=65535, description="TCP port; 0 takes a free one and logs it.")
    allowed_hosts: Annotated[list[str], NoDecode, BeforeValidator(_listed)] = Field(
        [],
        description="Host names accepted in the Host header. Empty: on loopback its own names, elsewhere any.",
    )

    keys: Path = Field(Path("data/keys.json"), description="File of hashed API keys (python -m service keys create).")
    api_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="One key that may do everything, beside those of the file. Set it as REID_API_KEY: everyone on the "
        "machine can read a command line. At least 32 characters; `openssl rand -hex 32` makes one.",
    )
    no_auth: bool = Field(
        False, description="Serve without API keys, on any address: everyone who reaches the port may do everything."
    )

    providers: Annotated[list[ProviderName], NoDecode, BeforeValidator(_listed)] = Field(
        ["cpu"], min_length=1, description="Where inference runs, best first: cpu, cuda, tensorrt, openvino."
    )
    allow_fallback: bool = Field(False, description="Go on without a provider that did not load, instead of refusing.")
    threads: int | None = Field(
        None, ge=1, le=256, description="Threads of one inference. Default: every core this process may use."
    )
    decoders: int | None = Field(
        None, ge=1, le=256, description="Threads that decode and resize images. Default: as many as --threads."
    )
    searchers: int = Field(2, ge=1, le=64, description="Threads that search and read galleries.")
    max_batch: int = Field(16, ge=1, le=1024, description="Crops in one inference at most.")

    queue_crops: int = Field(
        256, ge=1, le=100_000, description="Crops in the house at most, waiting or being worked on; more get 429."
    )
    max_crops: int = Field(128, ge=1, le=10_000, description="Crops in one request at most; more get 413.")
    max_k: int = Field(1000, ge=1, le=100_000, description="Matches per query that a caller may ask for at most.")
    max_body_mib: Annotated[int, Field(ge=1, le=1024)] = Field(
        32, description="MiB in one request's body at most; more get 413 before they are read."
    )
    max_bodies_mib: Annotated[int, Field(ge=1, le=65536)] = Field(
        512, description="MiB of request bodies held at once; more get 429."
    )
    max_pixels: int = Field(
        16_000_000, ge=1024, le=1_000_000_000, description="Pixels in one image at most, by its header; more get 422."
    )
    max_connections: int = Field(1024, ge=1, le=100_000, description="Connections at most; more get 503 at once.")
    deadline_ms: int = Field(
        30_000,
        ge=1,
        le=3_600_000,
        description="Milliseconds after which a request without X-Request-Deadline-Ms is given up (504).",
    )
    max_failures: int = Field(
        5,
        ge=1,
        le=1000,
        description="Failed batches in a row after which the service stops, for its supervisor to restart.",
    )

    expire_every_minutes: int = Field(
        60, ge=1, le=10_080, description="Minutes between erasures of what is past its gallery's retention."
    )
    store_thumbnails: bool = Field(False, description="Keep a small JPEG of every enrolled crop, and show those kept.")
    examples_dir: Path | None = Field(
        None, description="Folder of crops that the search page offers as example queries, by file name."
    )
    thumbnail_side: int = Field(192, ge=32, le=1024, description="Pixels of a thumbnail's longer side.")

    drain_notice_s: float = Field(
        0.5, ge=0, le=300, description="Seconds between SIGTERM and closing the port; /readyz fails meanwhile."
    )
    drain_timeout_s: int = Field(30, ge=0, le=3600, description="Seconds that requests in flight get to finish.")
    log_format: Literal["json", "text"] = Field("json", description="Log lines as JSON objects or as text.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least important log line.")
    tracing: bool = Field(
        False, description="Send OpenTelemetry spans; where to is set by the standard OTEL_* variables."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.max_crops > self.queue_crops:
            raise ValueError(f"max_crops is {self.max_crops}, more than queue_crops ({self.queue_crops}) ever lets in")
        if self.max_body_mib > self.max_bodies_mib:
            raise ValueError(
                f"max_body_mib is {self.max_body_mib}, more than max_bodies_mib ({self.max_bodies_mib}) ever lets in"
            )
        return self

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the port."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
