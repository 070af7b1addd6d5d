"""The embedded broker with users: a listener for them, and one for splanc's own clients, which have a name and all rights.

Who comes without a name is ANONYMOUS, on whichever listener; so splanc's own clients must have one, or the public would be what they are.
"""

from __future__ import annotations

import os
import secrets
import ssl
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from ..config import KafkaSettings, Settings
from ..errors import UserError

OWN_USER = "splanc"
"""Name of splanc's own clients on the embedded broker, which may do everything."""

_SECRET_BYTES = 32
"""Random bytes in the password of splanc's own clients."""

_REAUTHENTICATION_MS = 10_000
"""A user's client proves itself this often: the connection of one that was removed ends by then, milliseconds."""

_USERS_MECHANISM = "SCRAM-SHA-512"


def with_credentials(settings: Settings) -> Settings:
    """Return the settings with what splanc's own clients prove themselves with to an embedded broker that has users; others as they are.

    The password is made when it is first asked for, and kept in the data directory.

    Raises
    ------
    UserError
        If the data directory cannot be written.
    """
    if settings.kafka.bootstrap_servers is not None:
        return settings
    return settings.model_copy(update={"kafka": settings.kafka.model_copy(update=credentials(settings.kafka, kafka_folder(settings)))})


def kafka_folder(settings: Settings) -> Path:
    """Return the folder of the embedded broker."""
    return settings.data_dir.absolute() / "kafka"


def credentials(kafka: KafkaSettings, folder: Path) -> dict[str, Any]:
    """Return the settings with which splanc's own clients reach the embedded broker; none are needed when it has no users."""
    if kafka.public_port is None:
        return {}
    return {
        "security_protocol": "sasl_plaintext",
        "sasl_mechanism": "PLAIN",
        "sasl_username": OWN_USER,
        "sasl_password": SecretStr(_password(folder)),
    }


def _password(folder: Path) -> str:
    """Return the password of splanc's own clients; of several that make it at once one wins, and all return that."""
    path = folder / "secret"
    try:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            # Only this user may read a temporary file.
            with tempfile.NamedTemporaryFile("w", dir=folder, prefix="secret.") as made:
                made.write(secrets.token_urlsafe(_SECRET_BYTES))
                made.flush()
                with suppress(FileExistsError):
                    os.link(made.name, path)
        return path.read_text()
    except OSError as error:
        raise UserError(f"cannot write to {folder}, or read {path}: {error.strerror}; mend that, or give another --data-dir") from error


def listeners(kafka: KafkaSettings) -> dict[str, str]:
    """Return the listeners for users by name, `address:port` each; none without `kafka.public_port`."""
    if kafka.public_port is None:
        return {}
    ports = {"USERS": kafka.public_port, **({"ANYBODY": kafka.public_port + 1} if kafka.public_anonymous else {})}
    return {name: f"{kafka.public_address}:{port}" for name, port in ports.items()}


def described(kafka: KafkaSettings) -> list[str]:
    """Return what tells one way of having users from another, for the note of the running broker."""
    public = listeners(kafka)
    return [*public.values(), kafka.public_host, str(kafka.public_keystore)] if public else []


def users_properties(kafka: KafkaSettings) -> dict[str, object]:
    """Return what a broker with users has beyond, or instead of, the properties of one without; `kafka` has the credentials."""
    assert kafka.sasl_password is not None
    password = kafka.sasl_password.get_secret_value()
    own = {"INTERNAL": f"127.0.0.1:{kafka.port}"}
    public = listeners(kafka)
    told = {name: f"{kafka.public_host}:{address.rpartition(':')[2]}" for name, address in public.items()}
    protocols = {"INTERNAL": "SASL_PLAINTEXT", "CONTROLLER": "SASL_PLAINTEXT", "USERS": "SASL_SSL" if kafka.public_keystore else "SASL_PLAINTEXT"}
    login = f'org.apache.kafka.common.security.plain.PlainLoginModule required username="{OWN_USER}" password="{password}" user_{OWN_USER}="{password}";'
    mechanism = _USERS_MECHANISM.lower()
    return {
        "listeners": _joined({**own, "CONTROLLER": f"127.0.0.1:{kafka.port + 1}", **public}, "://"),
        "advertised.listeners": _joined({**own, **told}, "://"),
        "listener.security.protocol.map": _joined({**dict.fromkeys(public, "PLAINTEXT"), **protocols}, ":"),
        "inter.broker.listener.name": "INTERNAL",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.internal.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.internal.plain.sasl.jaas.config": login,
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": login,
        "listener.name.users.sasl.enabled.mechanisms": _USERS_MECHANISM,
        f"listener.name.users.{mechanism}.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
        f"listener.name.users.{mechanism}.connections.max.reauth.ms": _REAUTHENTICATION_MS,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": f"User:{OWN_USER}",
        **_keystore(kafka.public_keystore),
    }


def _joined(values: dict[str, str], separator: str) -> str:
    return ",".join(f"{name}{separator}{value}" for name, value in values.items())


def _keystore(path: Path | None) -> dict[str, object]:
    if path is None:
        return {}
    return {"listener.name.users.ssl.keystore.type": "PEM", "listener.name.users.ssl.keystore.location": path.absolute()}


def check_keystore(path: Path) -> None:
    """Raise UserError if a file is not what Java reads as a key store: a private key in the clear with its certificate."""
    try:
        text = path.read_text()
        if "-----BEGIN PRIVATE KEY-----" not in text:
            raise UserError(f"kafka.public_keystore {path} holds no private key that Java reads: convert it with `openssl pkcs8 -topk8 -nodes`")
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"kafka.public_keystore {path} is not a private key with its certificate, in one PEM file: {error}") from error
