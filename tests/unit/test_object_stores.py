from __future__ import annotations

import obstore
import pytest
from obstore.exceptions import BaseError
from obstore.store import S3Store

from splanc.object_stores import store_at


def test_a_store_is_that_of_its_url() -> None:
    store = store_at("memory:///")
    obstore.put(store, "a", b"what it is")
    assert bytes(obstore.get(store, "a").bytes()) == b"what it is"


def test_what_is_given_goes_before_the_environment_and_waiting_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "there")
    store = store_at("s3://bucket/prefix", {"region": "here", "endpoint": "http://127.0.0.1:1"})
    assert isinstance(store, S3Store)
    assert store.config["region"] == "here"
    assert (store.client_options or {})["connect_timeout"] == "5s"
    assert (store.retry_config or {})["max_retries"] == 3


def test_what_is_no_url_of_a_store_is_an_error() -> None:
    with pytest.raises((BaseError, ValueError)):
        store_at("nothing://here")
