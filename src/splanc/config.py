"""Configuration: one TOML file, overridden by the environment, checked by types.

`splanc.toml` in the data directory (or the file given by `--config` or `SPLANC_CONFIG`), then variables named
`SPLANC_SECTION__FIELD`. Nothing reads the configuration at import time: commands load it and pass it down.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError, TomlConfigSettingsSource
from typing_extensions import override

from .errors import UserError

_OTHER_VARIABLES = ("CONFIG", "JARS", "MAVEN_URL")
"""Variables that begin with SPLANC_ and are no settings."""


Address = Annotated[str, Field(pattern=r"^([^:/\s\[\]]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$")]
"""A host and a port: `host:port`, or `[::1]:port`."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(_Section):
    """The input log and the topics that leave."""

    bootstrap_servers: str | None = Field(None, description="Your Kafka, `host:port[,host:port]`. Unset: the embedded broker is started.")
    input_topics: tuple[str, ...] = Field(
        ("lsst-alerts-v11",),
        description="Topics of alerts to read: of LSST one per major schema version, of ZTF one per night. What begins with `^` is a pattern of names.",
    )
    group: str = Field("splanc", description="Consumer group that all nodes share; each alert goes to exactly one of them.")
    lite_topic: str = Field("splanc_alerts_lite", description="Topic of the lite stream: one small JSON record an alert.")
    deadletter_topic: str = Field("splanc_deadletters", description="Topic that keeps packets that cannot be read, as they came.")
    ledger_topic: str = Field("splanc_ledger", description="Topic with the counts of what was published, for the ledger.")
    nodes_topic: str = Field("splanc_nodes", description="Compacted topic on which nodes report their state.")
    notices_topic: str = Field("splanc_notices", description="Topic of what owners of filters are to be told.")
    quotas_topic: str = Field("splanc_quotas", description="Topic on which nodes claim shares of filters' quotas.")
    partitions: int = Field(8, ge=1, le=1000, description="Partitions of topics that splanc creates; existing topics are taken as they are.")
    replication: int = Field(1, ge=1, le=9, description="Replicas of topics that splanc creates.")
    retention_hours: float = Field(168.0, gt=0, description="Hours that topics which splanc creates keep their messages; must exceed the longest outage.")
    security_protocol: str = Field("plaintext", pattern="^(plaintext|ssl|sasl_plaintext|sasl_ssl)$", description="plaintext, ssl, sasl_plaintext or sasl_ssl.")
    sasl_mechanism: str | None = Field(None, description="For example SCRAM-SHA-512.")
    sasl_username: str | None = Field(None, description="User name for SASL.")
    sasl_password: SecretStr | None = Field(None, description="Password for SASL; best given as SPLANC_KAFKA__SASL_PASSWORD.")
    ssl_ca_location: Path | None = Field(None, description="File of CA certificates, PEM.")
    ssl_certificate_location: Path | None = Field(None, description="The client's certificate, PEM.")
    ssl_key_location: Path | None = Field(None, description="The client's private key, PEM.")
    ssl_key_password: SecretStr | None = Field(None, description="Password of the private key.")
    port: int = Field(29092, ge=1, le=65534, description="Port of the embedded broker; its controller takes the next one.")
    heap_mb: int = Field(512, ge=128, description="Memory of the embedded broker's Java heap, MB.")
    public_port: int | None = Field(
        None, ge=1, le=65534, description="Port on which the embedded broker listens for users. Unset: it has no users, and knows no rights."
    )
    public_address: str = Field("127.0.0.1", description="Address or name of this machine to listen for users on; 0.0.0.0: all addresses.")
    public_host: str = Field("127.0.0.1", description="Name or address under which users' clients reach this machine.")
    public_keystore: Path | None = Field(
        None, description="PEM file of a private key (PKCS#8, in the clear) and its certificate with the chain. Users then connect by TLS."
    )
    public_anonymous: bool = Field(
        False,
        description="Whether public topics may be read without a user name. The embedded broker listens for that on the port after `public_port`, without TLS.",
    )
    manage_acls: bool = Field(
        False, description="Whether splanc keeps the rights on filters' topics on your Kafka; on the embedded one it does when it has users."
    )

    @property
    def keeps_access(self) -> bool:
        """Whether it is for splanc to say who may read filters' topics."""
        return self.public_port is not None if self.bootstrap_servers is None else self.manage_acls

    @model_validator(mode="after")
    def _check_ports(self) -> Self:
        if self.public_port is not None and abs(self.public_port - self.port) <= 1:
            raise ValueError("public_port must be at least two away from port: the ports after both are needed too")
        return self


class SchemaSettings(_Section):
    """Where Avro schemas come from, by id."""

    registry_url: str | None = Field(None, description="Confluent-compatible schema registry, for example `https://host/path`.")
    folder: Path | None = Field(
        None,
        description="Folder of schema files named `<survey>.v<major>_<minor>.json`; asked before the registry. Those shipped with splanc are always there.",
    )
    timeout_seconds: float = Field(10.0, gt=0, description="Longest wait for one answer of the registry, seconds.")


class ArchiveSettings(_Section):
    """The permanent store."""

    dsn: SecretStr | None = Field(
        None, description="Your PostgreSQL (15 or newer), `postgresql://user:password@host/database`. Unset: the embedded server is started."
    )
    query_seconds: float = Field(30.0, gt=0, description="Longest time that `splanc query` may run, seconds.")
    query_rows: int = Field(100_000, ge=1, description="Most rows that `splanc query` returns.")


class BlobSettings(_Section):
    """Where cutouts are kept."""

    url: str | None = Field(None, description="Folder or object-store URL for packs of cutouts. Unset: `blobs/` in the data directory.")
    endpoint_url: str | None = Field(None, description="Address of an S3 server that is not Amazon's, `https://host:port`. Unset: as AWS_ENDPOINT_URL says.")
    region: str | None = Field(None, description="Region of the S3 bucket. Unset: as AWS_REGION says.")
    access_key_id: str | None = Field(None, description="Access key of S3. Unset: as AWS_ACCESS_KEY_ID says, or the machine's own role.")
    secret_access_key: SecretStr | None = Field(None, description="Secret of the access key; best given as SPLANC_BLOBS__SECRET_ACCESS_KEY.")
    local_max_bytes: int = Field(
        32 << 30, ge=1 << 20, description="Bound of a node's archived packs that are still to be uploaded, bytes; at the bound it archives no further."
    )
    retention_days: float = Field(365.0, gt=0, description="Days that `splanc blobs expire` leaves packs, from the night of their alerts.")


class DustSettings(_Section):
    """The Milky Way's dust."""

    path: Path | None = Field(None, description="The map of reddening that `splanc dust install` writes. Unset: `dust/ebv.npy` in the data directory.")


class CrossmatchSettings(_Section):
    """What is near: catalogues and the classifier."""

    folder: Path | None = Field(None, description="Folder of the catalogues that `splanc catalogue` keeps. Unset: `catalogues/` in the data directory.")
    rules: Path | None = Field(None, description="File of the classifier's rules, TOML. Unset: those that come with splanc.")
    memory_bytes: int = Field(2 << 30, ge=64 << 20, description="Bound of the catalogue tiles that a process holds in memory, bytes.")
    tiles_bytes: int = Field(
        20_000_000_000, ge=0, description="Bound of the tiles that are kept on this machine's disk, of catalogues that lie elsewhere, bytes."
    )
    servers: tuple[Address, ...] = Field((), description="Classifier servers, `host:port`, that nodes ask. None: nodes read the catalogues themselves.")
    timeout_seconds: float = Field(1.0, gt=0, le=60, description="A server that has not answered within this is late, and the next one is asked, seconds.")
    patience_seconds: float = Field(
        10.0, gt=0, le=600, description="Longest time that a batch waits for servers that are all late, as with a field that none has read yet, seconds."
    )
    cache_bytes: int = Field(1 << 30, ge=0, description="Bound of the answers that are kept on this machine, bytes. 0: none are kept.")
    cache_arcsec: float = Field(
        0.05, ge=0, le=1, description="An answer holds for an object that is no farther than this from where it was when it was classified, arcsec."
    )
    cache_days: float = Field(30.0, gt=0, description="… and that was seen within so many days of then, since stars move.")


class FilterSettings(_Section):
    """Users' filters and their streams."""

    topic_prefix: str = Field(
        "lasair_", pattern="^[A-Za-z0-9._-]{1,32}$", description="What the topics of new filters begin with; those that there are keep their names."
    )
    cost_limit_us: float = Field(25_000.0, gt=0, description="A filter that takes more CPU than this for 10,000 alerts is refused when it is saved, µs.")
    poll_seconds: float = Field(2.0, gt=0, le=60, description="Nodes look for filters that were changed this often, seconds.")
    quota_bytes_per_day: int | None = Field(
        100_000_000, ge=-1, description="Bytes of records that a filter's topic takes of one night, unless the filter has a quota of its own; -1: no bound."
    )
    quota_records_per_visit: int | None = Field(
        None, ge=-1, description="Records that a filter's topic takes of one visit, unless the filter has a quota of its own. Unset or -1: no bound."
    )
    topic_partitions: int = Field(1, ge=1, le=1000, description="Partitions of a filter's topic when it is created.")
    format: Literal["json", "avro"] = Field(
        "json", description="Format of the records in filters' topics; Avro needs `schemas.registry_url`. Digests and webhooks are made from JSON always."
    )
    rows_nights: int = Field(
        30,
        ge=0,
        description="Nights for which the rows that filters saw are kept; nodes delete older ones. 0: none are written.",
    )
    rows_folder: Path | None = Field(
        None, description="Folder of these rows; nodes on several machines need one that all of them share. Unset: `rows/` in the data directory."
    )


class CacheSettings(_Section):
    """The node-local store of batches waiting for the archive."""

    max_bytes: int = Field(4 << 30, ge=1 << 20, description="Bound of a node's waiting batches with their cutouts, bytes; at the bound the node pauses.")


class IngestSettings(_Section):
    """One node."""

    batch_alerts: int = Field(10_000, ge=1, le=100_000, description="A batch closes at this many alerts …")
    batch_seconds: float = Field(1.0, gt=0, le=60, description="… or this long after its first alert, seconds …")
    batch_bytes: int = Field(256 << 20, ge=1 << 20, description="… or at this many bytes of messages, which bounds a node's memory.")
    max_packet_bytes: int = Field(10_485_760, ge=1024, description="Larger packets are rejected as oversized, bytes.")
    session_seconds: float = Field(6.0, ge=1, description="A node that is silent this long loses its partitions, seconds.")
    transaction_seconds: float = Field(10.0, ge=1, description="A dead node's open transaction is aborted after this, seconds.")
    metrics_port: int = Field(0, ge=0, le=65535, description="Port of a node's Prometheus metrics; with N nodes, this and the next N-1. 0: none.")
    restarts: int = Field(10, ge=0, description="Restarts of a node that the supervisor allows in ten minutes.")


class SiteSettings(_Section):
    """The web site, as others see it."""

    url: str | None = Field(None, pattern="^https?://", description="Address that links in mails and messages begin with. Unset: no links.")


class MailSettings(_Section):
    """The mail server that digests and notices go to."""

    host: str | None = Field(None, description="Name of the mail server. Unset: no mails are sent, and digests wait in their topics.")
    port: int | None = Field(None, ge=1, le=65535, description="Its port. Unset: 25, 587 or 465, as `security` has it.")
    security: Literal["none", "starttls", "ssl"] = Field("starttls", description="none, starttls or ssl; certificates are checked.")
    username: str | None = Field(None, description="User name at the mail server. Unset: none is given.")
    password: SecretStr | None = Field(None, description="Its password; best given as SPLANC_MAIL__PASSWORD.")
    sender: str | None = Field(None, description="Address that mails come from, for example `splanc@example.org`.")
    max_bytes: int = Field(3 << 20, ge=10_000, description="Most bytes of a mail; a larger digest is cut, and says how many matches were left out.")
    when: str = Field(
        "night",
        pattern=r"^(night|([01][0-9]|2[0-3]):[0-5][0-9])$",
        description="When a digest is made: `night`, when a night is over (noon UTC), or a time of the day in UTC such as `18:05`.",
    )
    timeout_seconds: float = Field(30.0, gt=0, description="Longest wait for one answer of the mail server, seconds.")


class DeliverSettings(_Section):
    """What `splanc deliver` does with the matches of webhooks."""

    webhook_matches: int = Field(100, ge=1, le=10_000, description="A webhook is sent at this many matches …")
    webhook_seconds: float = Field(1.0, ge=0, le=3600, description="… or this long after its first one came, seconds.")
    timeout_seconds: float = Field(10.0, gt=0, le=60, description="Longest time of one POST, seconds.")
    attempts: int = Field(8, ge=1, description="After so many failures in a row the owner is told; attempts go on all the same.")
    retry_seconds: float = Field(1.0, gt=0, description="Pause after a failure; each further one doubles it, seconds.")
    retry_max_seconds: float = Field(600.0, gt=0, description="Longest pause between attempts, of webhooks and of mails, seconds.")
    parallel: int = Field(16, ge=1, le=256, description="POSTs that may be on their way at a time.")
    allow_private: bool = Field(
        False, description="Whether webhooks may reach machines that are not of the open internet: private networks and this machine too."
    )
    metrics_port: int = Field(0, ge=0, le=65535, description="Port of the Prometheus metrics of `splanc deliver`. 0: none.")
    secret: SecretStr | None = Field(
        None,
        min_length=16,
        description="What the secrets of all webhooks are made from. Unset: `webhooks.secret` in the data directory, made when it is first used.",
    )


class Settings(BaseSettings):
    """All of splanc's configuration."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="SPLANC_", env_nested_delimiter="__")

    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("splanc")), description="Folder of everything that splanc keeps on this machine."
    )
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    schemas: SchemaSettings = Field(default_factory=SchemaSettings)
    archive: ArchiveSettings = Field(default_factory=ArchiveSettings)
    blobs: BlobSettings = Field(default_factory=BlobSettings)
    dust: DustSettings = Field(default_factory=DustSettings)
    cache: CacheSettings = Field(default_factory=CacheSettings)
    crossmatch: CrossmatchSettings = Field(default_factory=CrossmatchSettings)
    filters: FilterSettings = Field(default_factory=FilterSettings)
    ingest: IngestSettings = Field(default_factory=IngestSettings)
    site: SiteSettings = Field(default_factory=SiteSettings)
    mail: MailSettings = Field(default_factory=MailSettings)
    deliver: DeliverSettings = Field(default_factory=DeliverSettings)

    @model_validator(mode="after")
    def _check_registry(self) -> Self:
        if self.filters.format == "avro" and self.schemas.registry_url is None:
            raise ValueError('filters.format = "avro" needs a schema registry: set schemas.registry_url')
        return self

    @property
    def archive_dsn(self) -> str:
        """The archive's DSN in the clear; only settings that `start_services` returned, or that name a server, have one."""
        assert self.archive.dsn is not None
        return self.archive.dsn.get_secret_value()

    @property
    def blobs_place(self) -> str | Path:
        """Folder or URL of the packs of cutouts."""
        return self.blobs.url or self.data_dir / "blobs"

    @property
    def blobs_s3(self) -> dict[str, str]:
        """Endpoint and credentials of the object store as `obstore` names them; those that are not configured are left out."""
        blobs = self.blobs
        secret = blobs.secret_access_key.get_secret_value() if blobs.secret_access_key else None
        named = {"endpoint": blobs.endpoint_url, "region": blobs.region, "access_key_id": blobs.access_key_id, "secret_access_key": secret}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def packs_folder(self) -> Path:
        """Folder of the packs that are archived, but not yet in the blob store."""
        return self.data_dir / "packs"

    @property
    def rows_folder(self) -> Path:
        """Folder of the rows that filters saw on past nights, whether it is there or not."""
        return self.filters.rows_folder or self.data_dir / "rows"

    @property
    def dust_path(self) -> Path:
        """File of the map of reddening, whether it is there or not."""
        return self.dust.path or self.data_dir / "dust" / "ebv.npy"

    @property
    def catalogues_folder(self) -> Path:
        """Folder of the catalogues, whether it is there or not."""
        return self.crossmatch.folder or self.data_dir / "catalogues"

    @property
    def answers_folder(self) -> Path:
        """Folder of what the classifier said of objects."""
        return self.data_dir / "answers"

    @property
    def filters_copy(self) -> Path:
        """File of the filters that nodes of this machine knew last."""
        return self.data_dir / "filters.json"

    @property
    def schemas_cache(self) -> Path:
        """Folder of the schemas that a registry has given."""
        return self.data_dir / "schemas"

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))


def load_settings(data_dir: Path | None = None, config: Path | None = None) -> Settings:
    """Return the settings from file and environment.

    Raises
    ------
    UserError
        If the file is missing or malformed, or a value is not allowed; the message names each field.
    """
    _check_variables()
    given = config or (Path(os.environ["SPLANC_CONFIG"]) if os.environ.get("SPLANC_CONFIG") else None)
    if given is not None and not given.is_file():
        raise UserError(f"no configuration file {given}; create it, or leave out --config and SPLANC_CONFIG")
    home = data_dir or Path(os.environ.get("SPLANC_DATA_DIR") or platformdirs.user_data_dir("splanc"))
    path = given or home / "splanc.toml"
    overrides: dict[str, Any] = {"data_dir": data_dir.absolute()} if data_dir else {}

    class _FileSettings(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        return _FileSettings(**overrides)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid TOML: {error}") from error
    except SettingsError as error:
        raise UserError(f'a SPLANC_… variable cannot be read: {error}; lists and whole sections are JSON, for example \'["a", "b"]\'') from error
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, e['loc'])) or 'all'}: {e['msg']} (given: {_shown(e)})" for e in error.errors()]
        raise UserError("\n".join([f"the configuration ({path} and SPLANC_… variables) is not valid:", *lines])) from error


def _check_variables() -> None:
    """Refuse variables that name no section: a misspelt one would otherwise be ignored."""
    for name in sorted(os.environ):
        section = name.removeprefix("SPLANC_").partition("__")[0]
        if name.startswith("SPLANC_") and section.lower() not in Settings.model_fields and section not in _OTHER_VARIABLES:
            near = difflib.get_close_matches(section.lower(), Settings.model_fields, 1)
            hint = f"; did you mean SPLANC_{near[0].upper()}__…?" if near else ""
            raise UserError(f"the variable {name} sets nothing{hint} The sections are {', '.join(Settings.model_fields)}")


def _shown(error: ErrorDetails) -> str:
    """Return a value that is not allowed, as an error message may show it: not a secret, and not a whole section, which may hold one."""
    sections = [field.annotation for field in Settings.model_fields.values() if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)]
    secrets = {name for section in sections for name, field in section.model_fields.items() if SecretStr in get_args(field.annotation)}
    return "not shown" if isinstance(error["input"], dict) or error["loc"][-1] in secrets else repr(error["input"])
