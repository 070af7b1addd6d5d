from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime

from splanc.filters.definition import Definition, Filter, Output
from splanc.kafka import Record
from splanc.packet import Partition
from splanc.streams.match_records import Match, match_of, one_line
from splanc.streams.webhooks import delivery_of, json_body, secret_of, sign, slack_body

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def owner(name: str = "bright", topic: str = "lasair_1bright") -> Filter:
    definition = Definition(name=name, owner="ann", selected="diaObjectId", output=Output.webhook, target="https://example.org/")
    return Filter(id=7, version=3, definition=definition, topic=topic, created=NOW, changed=NOW)


def match(number: int, record: str = '{"diaObjectId": 169298437355340113, "mag": 17.10, "class": "SN"}', key: str = "169298437355340113") -> Match:
    headers = {"filter": b"7", "version": b"3", "night": b"20260101", "visit": b"2026010100001", "diaSourceId": b"%d" % (100 + number)}
    return match_of(Record(place=Partition("t", 0), offset=number, timestamp_ms=0, value=record.encode(), key=key.encode(), headers=headers))


def test_a_match_is_what_the_record_says() -> None:
    one = match(5)
    assert (one.offset, one.object_id, one.source_id, one.version, one.night) == (5, "169298437355340113", 105, 3, 20260101)
    assert one.shown() == {"diaObjectId": "169298437355340113", "mag": "17.10", "class": "SN"}
    bare = match_of(Record(place=Partition("t", 1), offset=9, timestamp_ms=7, value=b"{"))
    assert (bare.object_id, bare.source_id, bare.version, bare.night, bare.shown()) == ("", 0, 0, 0, {"record": "{"})


def test_what_cannot_be_seen_is_not_shown() -> None:
    shown = match(1, '{"a\\nb": "x\\u0000y\\ud800\\r\\nz", "n": null, "t": true, "l": [1.50, "é"], "i": NaN}').shown()
    assert shown == {"a b": "x y   z", "n": "", "t": "true", "l": '["1.50", "é"]', "i": "NaN"}
    assert one_line("  Bcc:\r\n you\x1b[2J ") == "Bcc: you [2J"


def test_json_holds_the_records_as_they_stand() -> None:
    body = json_body(owner('a "name"'), [match(1), match(2)])
    assert body.count(b'{"diaObjectId": 169298437355340113, "mag": 17.10, "class": "SN"}') == 2
    said = json.loads(body)
    assert {key: said[key] for key in ("filter", "name", "topic", "version", "night")} == {
        "filter": 7,
        "name": 'a "name"',
        "topic": "lasair_1bright",
        "version": 3,
        "night": 20260101,
    }
    assert [one["mag"] for one in said["matches"]] == [17.1, 17.1]


def test_the_signature_is_what_the_documentation_says() -> None:
    secret = secret_of("deployment", 7)
    assert secret == hmac.new(b"deployment", b"splanc webhook 7", hashlib.sha256).hexdigest()
    assert secret != secret_of("deployment", 8)
    assert sign(secret, 12, b"body") == "v1=" + hmac.new(secret.encode(), b"12.body", hashlib.sha256).hexdigest()
    assert len({sign(secret, 12, b"body"), sign(secret, 13, b"body"), sign(secret, 12, b"bodY"), sign(secret_of("deployment", 8), 12, b"body")}) == 4


def test_the_same_matches_have_the_same_name() -> None:
    assert delivery_of("t", [match(1), match(2)]) == delivery_of("t", [match(1), match(2)])
    assert len({delivery_of("t", [match(1)]), delivery_of("t", [match(2)]), delivery_of("u", [match(1)]), delivery_of("t", [match(1), match(2)])}) == 4


def test_slack_shows_a_line_each_with_a_link() -> None:
    text = json.loads(slack_body(owner(), [match(1), match(2, key="SSO*")], "https://example.org/"))["text"]
    assert text.splitlines() == [
        "*bright*: 2 matches",
        "• <https://example.org/objects/169298437355340113/|169298437355340113> mag 17.10, class SN",
        "• SSO* mag 17.10, class SN",
    ]
    assert json.loads(slack_body(owner(), [match(1)], None))["text"].splitlines()[1].startswith("• 169298437355340113 mag")


def test_nobody_is_called_by_what_a_user_writes() -> None:
    text = json.loads(slack_body(owner("<!channel>\n& co"), [match(1, '{"x": "<@U1> \\n<http://example.org|y>", "z": "%s"}' % ("z" * 500))], None))["text"]
    assert "<" not in text
    assert text.splitlines()[0] == "*&lt;!channel&gt; &amp; co*: 1 match"
    assert len(text.splitlines()) == 2
    assert len(text.splitlines()[1]) < 360
