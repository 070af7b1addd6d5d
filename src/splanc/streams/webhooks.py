"""What a webhook is sent: matches as JSON or as a message of Slack's, and a signature.

The receiver knows its filter's secret, computes the signature from what it received, and compares:

>>> body = b'{"filter": 7}'
>>> sign("0a1b", 1767225600, body)
'v1=2fbdbbff7cc8e7136ad137890989383badc2f4b213d5ca879cbe990898eacf0c'
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence

from ..filters.definition import Filter
from .match_records import Match, object_link

SIGNATURE, TIMESTAMP, FILTER, DELIVERY = "Splanc-Signature", "Splanc-Timestamp", "Splanc-Filter", "Splanc-Delivery"
"""Headers of a webhook: the signature, when it was made (seconds since 1970), the filter's id, and what names these matches.

The last is the same when the same matches are sent again.
"""

SLACK_MATCHES = 20
"""Most matches in one message of Slack's: people read it."""

_SLACK_LINE = 300
"""A match is cut to so many characters there: Slack refuses long messages."""


def secret_of(deployment: str, filter_id: int) -> str:
    """Return the secret of a filter's webhook, which its owner may know: it tells nothing of others'.

    Parameters
    ----------
    deployment : the secret of all of this splanc, which nobody else may know.
    """
    return hmac.new(deployment.encode(), f"splanc webhook {filter_id}".encode(), hashlib.sha256).hexdigest()


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a body: HMAC-SHA256 with the filter's secret over the timestamp, a full stop, and the body.

    Parameters
    ----------
    timestamp : when it is sent, seconds since 1970; it is in the signature so that old webhooks cannot be sent again by others.
    """
    return "v1=" + hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()


def delivery_of(topic: str, matches: Sequence[Match]) -> str:
    """Return a name for matches that are sent together, the same whenever they are."""
    places = "".join(f"{topic}/{match.partition}/{match.offset}\n" for match in matches)
    return hashlib.sha256(places.encode()).hexdigest()[:32]


def json_body(owner: Filter, matches: Sequence[Match]) -> bytes:
    """Return matches of one version of a filter, of one night, as JSON: each exactly as in the filter's topic."""
    name, topic = json.dumps(owner.definition.name), json.dumps(owner.topic)
    head = f'{{"filter": {owner.id}, "name": {name}, "topic": {topic}, "version": {matches[0].version}, "night": {matches[0].night}, "matches": ['
    return head.encode() + b", ".join(match.record for match in matches) + b"]}"


def slack_body(owner: Filter, matches: Sequence[Match], site: str | None) -> bytes:
    """Return matches as a message of Slack's: a line each, with a link where there is a site."""
    count = f"{len(matches)} match{'es' * (len(matches) > 1)}"
    lines = [f"*{_slack(owner.definition.name)}*: {count}", *(_slack_line(match, site) for match in matches)]
    return json.dumps({"text": "\n".join(lines)}).encode()


def _slack_line(match: Match, site: str | None) -> str:
    shown = ", ".join(f"{name} {value}" for name, value in match.shown().items() if name != "diaObjectId")
    link = object_link(site, match.object_id)
    what = f"<{link}|{match.object_id}>" if link else _slack(match.object_id)
    return f"• {what} {_slack(shown[:_SLACK_LINE])}"


def _slack(text: str) -> str:
    """Return a text that Slack shows as it is: no links, no calls of everybody."""
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
