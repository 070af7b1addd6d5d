from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from splanc.crossmatch.service._asked import asked
from splanc.crossmatch.service._packed import PACKED_COLUMNS, pack, unpack
from splanc.crossmatch.service._unclassified import unclassified
from splanc.crossmatch.service._wire import answer, asked_in, check_answer, classified_in, command, question, version_of, wants_matches
from splanc.errors import UserError
from tests.support.whole_degrees import Whole

RA, DEC = np.array([10.0, 10.5, 11.0, 12.0]), np.array([0.0, 0.0, 1.0, np.nan])


@pytest.mark.parametrize("ids", [None, np.array([5, -1, 0, 2**63 - 1])])
def test_questions_come_as_they_were_asked(ids) -> None:
    said = asked(ids, RA, DEC, None)
    heard = asked_in(question(said))
    assert (heard.object_id is None) == (ids is None)
    assert ids is None or (heard.object_id == ids).all()
    for name in ("ra_deg", "dec_deg", "mjd_tai"):
        np.testing.assert_array_equal(getattr(heard, name), getattr(said, name))


def test_other_tables_are_no_questions() -> None:
    with pytest.raises(UserError, match=r"has the columns .*ra_deg.*; this one has a: int64"):
        asked_in(pa.table({"a": [1]}))


def test_commands() -> None:
    assert [wants_matches(command(matches=one)) for one in (False, True)] == [False, True]
    for text in (b"", b"{}", b'{"matches": 1}', b"\xff", b"DROP"):
        with pytest.raises(UserError, match="a command is one of"):
            wants_matches(text)


@pytest.mark.parametrize("rows", [slice(0, 4), slice(1, 2), slice(0, 0)])
def test_answers_come_as_they_were_given(rows) -> None:
    """With positions that have matches and such that have none, and with none at all."""
    said = Whole().classify(RA[rows], DEC[rows], matches=True)
    sent = answer(said, "7")
    assert version_of(sent) == "7"
    heard = classified_in(sent)
    assert heard.classifications.equals(said.classifications)
    assert heard.matches.equals(said.matches.sort_by([("position", "ascending"), ("rank", "ascending")]))
    assert heard.matches.num_rows == {4: 4, 1: 0, 0: 0}[len(RA[rows])]
    assert classified_in(answer(Whole().classify(RA, DEC), "7")).matches is None


def test_answers_of_another_splanc_are_none() -> None:
    said = answer(Whole().classify(RA, DEC), "7")
    check_answer(said, 4)
    check_answer(answer(Whole().classify(RA, DEC, matches=True), "7"), 4)
    for table in (said.append_column("new", pa.nulls(4)), said.drop_columns(["z"]), said.set_column(0, "classification", pa.array(["VS"] * 4))):
        with pytest.raises(ValueError, match="other columns"):
            check_answer(table, 4)
    with pytest.raises(ValueError, match="4 positions when asked about 3"):
        check_answer(said, 3)


def test_packing_loses_nothing_and_shares_texts() -> None:
    said = pa.concat_tables([Whole().classify(RA, DEC).classifications] * 100)
    packed = pack(said)
    assert packed.schema == PACKED_COLUMNS
    assert unpack(packed).equals(said)
    assert len(packed["catalogue_versions"].combine_chunks().dictionary) == 1


def test_what_was_not_classified_says_why() -> None:
    said = unclassified(2, "no reason")
    assert said.schema == Whole().classify(RA, DEC).classifications.schema
    assert set(said["classification"].to_pylist()) == {"UNCLASSIFIED"}
    assert said["explanation"].to_pylist() == ['{"phase": "none", "unclassified": "no reason"}'] * 2
    assert unclassified(0, "x").num_rows == 0
