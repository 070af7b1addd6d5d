from __future__ import annotations

from splanc.errors import PacketError, SplancError, Superseded, UpstreamError, UserError


def test_an_error_without_words_says_what_its_kind_means() -> None:
    assert [str(error()) for error in (UserError, UpstreamError, Superseded)] == [
        "The request cannot be carried out as given.",
        "A service that splanc relies on failed.",
        "Another node has taken over this work.",
    ]
    assert str(UserError("no file x; give another")) == "no file x; give another"


def test_a_packet_error_says_where_and_why() -> None:
    error = PacketError("the message is empty", kind="empty", topic="alerts", partition=3, offset=105)
    assert str(error) == "alerts[3] offset 105: the message is empty"
    assert (error.why, error.kind) == ("the message is empty", "empty")
    assert str(PacketError("it is damaged", kind="file", topic="night.tar.gz")) == "night.tar.gz: it is damaged"
    assert str(PacketError("it is damaged", kind="file", topic="night.avro", offset=0)) == "night.avro, record 0: it is damaged"
    assert str(PacketError("it is damaged", kind="file")) == "it is damaged"


def test_who_handles_the_large_kinds_handles_the_small_ones() -> None:
    assert issubclass(Superseded, UpstreamError)
    assert all(issubclass(kind, SplancError) for kind in (PacketError, UserError, UpstreamError))
    assert not issubclass(UserError, UpstreamError)
