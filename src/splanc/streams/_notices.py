"""What owners of filters are told: records of the notices topic."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from ..filters import Filter


def notice(one: Filter, *, about: str, kind: str, text: str, **more: Any) -> tuple[bytes, bytes]:
    """Return key and value of a notice to the owner of a filter.

    Parameters
    ----------
    about : makes its `id`, with the kind and the filter's number; whoever reads notices takes those of one id for the same.
    kind, text : in a word, and in words.
    more : what else it says.
    """
    said = {
        "id": f"{kind}/{one.id}/{about}",
        "owner": one.definition.owner,
        "filter": one.definition.name,
        "filter_id": one.id,
        **more,
        "kind": kind,
        "text": text,
        "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    return one.definition.owner.encode(), json.dumps(said).encode()


def paused_notice(one: Filter, reason: str) -> tuple[bytes, bytes]:
    """Return the notice that a node has paused a filter."""
    text = f"Your filter {one.definition.name} is paused on all nodes: {reason}. Edit it, then let it run again with `splanc filter resume`."
    return notice(one, about=str(one.version), kind="paused", text=text, version=one.version)


def webhook_notice(one: Filter, reason: str, target: str) -> tuple[bytes, bytes]:
    """Return the notice that a filter's webhook fails, to an address of mail; each time that it begins to fail has its own."""
    text = f"The webhook of your filter {one.definition.name} fails: {reason}. Its matches wait in the topic {one.topic}, and it is tried again."
    return notice(one, about=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", kind="webhook fails", text=text, target=target)
