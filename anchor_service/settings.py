"""Settings: arguments, environment (SEALTRAIL_…), `sealtrail.toml` in the data directory, defaults, in this order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

FILE = "sealtrail.toml"
BASE_URL = re.compile(r"https?://[^\s/?#@]+(?:/[^\s?#]*)?")
"""What the paths of a service can follow."""


class Settings(BaseSettings):
    """What an operator may set; without any of it, one process serves an embedded log on 127.0.0.1:8000."""

    model_config = SettingsConfigDict(env_prefix="SEALTRAIL_", frozen=True, extra="forbid")

    data: Path = Field(Path(".sealtrail"), description="The data directory.")
    database: str = Field(
        "",
        description="URL of a PostgreSQL database, `postgresql://user@host/name?schema=sealtrail`; none: a file "
        "(SQLite) in the data directory.",
    )
    lease: float = Field(
        10, gt=0, description="Seconds after which another worker takes over from one that is silent (PostgreSQL)."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    public_url: str = Field(
        "", description="Where phones reach us, in every label; without it http://127.0.0.1 and the port."
    )
    name: str = Field(
        "localhost/sealtrail",
        description="The operator's schema-less URL, the first part of the log's origin; used when a log is created.",
    )

    seal_interval: float = Field(1.0, gt=0, description="Seconds between seals; fewer while many events come in.")
    seal_events: int = Field(4096, ge=1, le=65_536, description="Most events in one batch.")
    heartbeat: float = Field(3600, gt=0, description="Seconds after which an empty batch is sealed.")
    receipt_deadline: float = Field(86_400, gt=0, description="Seconds within which a receipt promises the seal.")
    queue_events: int = Field(50_000, ge=1, description="Events that may wait to be stored; more are answered 503.")
    prepare_process: bool = Field(
        default=True,
        description="Read and commit larger requests in a process of their own, for a second core (`sealtrail serve`).",
    )
    seal_process: bool = Field(
        default=True, description="Seal in a process of its own, for a second core (SQLite, `sealtrail serve`)."
    )
    chain_process: bool = Field(
        default=True,
        description="Ask the chain from a process of its own, which also has the embedded one (`sealtrail serve`).",
    )
    attachment_bytes: int = Field(8 * 2**20, ge=1, description="Largest attachment in bytes.")
    public_entries: bool = Field(
        default=False, description="Anybody may audit: entries, batches and anchors are served without a key."
    )

    anchor_interval: float = Field(1.0, ge=0, description="Least seconds between two anchors.")
    poll_interval: float = Field(2.0, gt=0, description="Seconds between two looks at the chain.")
    resend_interval: float = Field(30, gt=0, description="Seconds after which an unmined transaction is sent again.")
    replace_interval: float = Field(180, gt=0, description="Seconds after which its fees are raised.")

    rpc_urls: tuple[str, ...] = Field((), description="Nodes of the chain to anchor on; none: the embedded chain.")
    chain_id: int | None = Field(None, ge=1, description="The chain's id; needed with rpc_urls.")
    chain_name: str = Field("", description="The chain's name for people.")
    test_chain: bool = Field(default=False, description="The chain is a development chain: verdicts say test data.")
    finality: Literal["finalized"] | int = Field(
        "finalized", description="Which blocks are final: `finalized`, or a depth."
    )
    max_fee_gwei: float = Field(500, gt=0, description="Ceiling of the fee for a unit of gas, in gwei.")
    publisher_key_file: Path | None = Field(None, description="File with the publisher's private key (hex).")
    owner_key_file: Path | None = Field(None, description="File with the owner's private key (hex), for init only.")
    verifier_rpc_urls: tuple[str, ...] = Field((), description="Public nodes that the policy suggests to verifiers.")

    @field_validator("name")
    @classmethod
    def _has_no_scheme(cls, name: str) -> str:
        if not re.fullmatch(r"[^\s+:/]+(?::[0-9]+)?(?:/[^\s+:]+)?", name) or len(name) > 200:
            raise ValueError("expected a URL without its scheme, such as example.org/trail: no space, no +")
        return name

    @field_validator("public_url")
    @classmethod
    def _is_where_a_phone_can_go(cls, url: str) -> str:
        if url and not BASE_URL.fullmatch(url):
            raise ValueError("expected a URL with http:// or https://, such as https://trail.example.org")
        return url

    @property
    def link_base(self) -> str:
        """What labels' links begin with."""
        return self.public_url or f"http://127.0.0.1:{self.port}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the data directory's own file after the environment."""
        given = {**env_settings(), **init_settings()}
        data = Path(str(given.get("data", cls.model_fields["data"].default)))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, data / FILE)
