"""The documentation's way of knowing who sent a webhook."""

from __future__ import annotations

import re
import time
from pathlib import Path

from splanc.streams.webhooks import SIGNATURE, TIMESTAMP, secret_of, sign

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "digests-and-webhooks.md"


def test_a_receiver_knows_what_is_from_splanc() -> None:
    (source,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    names: dict = {}
    exec(source, names)
    secret, body, now = secret_of("deployment", 7), b'{"filter": 7}', int(time.time())

    def headers(timestamp: int, signed: bytes = body, by: str = secret) -> dict[str, str]:
        return {TIMESTAMP: str(timestamp), SIGNATURE: sign(by, timestamp, signed)}

    assert names["is_from_splanc"](secret, headers(now), body)
    assert not names["is_from_splanc"](secret, headers(now, b"other"), body)
    assert not names["is_from_splanc"](secret, headers(now - 1000), body)
    assert not names["is_from_splanc"](secret, {**headers(now), TIMESTAMP: str(now + 1)}, body)
    assert not names["is_from_splanc"](secret, headers(now, by=secret_of("deployment", 8)), body)
