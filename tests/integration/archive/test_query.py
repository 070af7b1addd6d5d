from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from splanc.archive import Archive, query
from splanc.archive._query import Answer
from splanc.errors import UpstreamError, UserError
from tests.unit.archive.packets import Packet, load_of


@pytest.fixture
def dsn(archive_dsn: str) -> str:
    with Archive(archive_dsn) as archive:
        archive.load(load_of([Packet(trigger=(i, 61_041.0 + i), diaObject=i % 3 + 1) for i in range(10)]))
    return archive_dsn


def ask(dsn: str, statement: str, seconds: float = 20.0, rows: int = 100) -> Answer:
    return query(dsn, statement, seconds=seconds, rows=rows)


def test_names_in_any_case_come_back_as_the_survey_spells_them(dsn: str) -> None:
    answer = ask(dsn, "SELECT DIAOBJECTID, s.MidpointMjdTai AS midpointmjdtai, count(*) AS N, psfflux AS MyFlux FROM DIASources s GROUP BY 1, 2, 4 ORDER BY 2;")
    assert answer.columns == ("diaObjectId", "midpointMjdTai", "n", "myflux")
    assert answer.rows[0] == (1, 61_041.0, 1, 0.0)
    assert (len(answer.rows), answer.complete) == (10, True)


def test_rows_are_limited_and_it_is_said(dsn: str) -> None:
    answer = ask(dsn, "SELECT diaSourceId FROM alerts ORDER BY 1", rows=4)
    assert (answer.rows, answer.complete) == ([(0,), (1,), (2,), (3,)], False)
    assert ask(dsn, "SELECT 1", rows=1).complete


@pytest.mark.parametrize("statement", ["VALUES (1)", "TABLE ledger", "WITH a AS (SELECT 1) SELECT * FROM a", "SELECT ';' -- ; no end\n", " select 1 ; "])
def test_all_kinds_of_select_are_taken(dsn: str, statement: str) -> None:
    assert len(ask(dsn, statement).rows) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM alerts",
        "SELECT 1; DELETE FROM alerts",
        "SELECT 1; COMMIT; DELETE FROM alerts",
        "WITH gone AS (DELETE FROM alerts RETURNING *) SELECT * FROM gone",
        "SELECT * FROM alerts FOR UPDATE",
        "SELECT * INTO copy FROM alerts",
        "COPY alerts TO STDOUT",
        "DO $$ BEGIN DELETE FROM alerts; END $$",
        "SELECT set_config('role', session_user, true), query_to_xml('DELETE FROM alerts', true, false, '')",
        "SELECT set_config('transaction_read_only', 'off', true)",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT nextval('ledger_id_seq')",
        "SET ROLE splanc",
        "EXPLAIN ANALYZE DELETE FROM alerts",
        "COMMIT",
        "",
        " ; ",
    ],
)
def test_all_else_is_refused_and_changes_nothing(dsn: str, statement: str) -> None:
    with pytest.raises(UserError):
        ask(dsn, statement)
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM alerts").fetchone() == (10,)


def test_errors_show_the_place_and_what_was_meant(dsn: str) -> None:
    with pytest.raises(UserError) as caught:
        ask(dsn, "SELECT diaSourceId,\n  midpointMjdTia FROM diaSources")
    assert str(caught.value).splitlines() == [
        'the query is not valid: column "midpointmjdtia" does not exist',
        "    midpointMjdTia FROM diaSources",
        "    ^",
        "did you mean midpointMjdTai?",
    ]
    with pytest.raises(UserError, match=r"did you mean diaSources, diaForcedSources, ssSources"):
        ask(dsn, "SELECT 1 FROM diaSource")
    with pytest.raises(UserError, match=r"did you mean reliability"):
        ask(dsn, "SELECT s.reliabilty FROM diaSources s")
    with pytest.raises(UserError, match=r"the tables are: alerts, annotations, area_hits"):
        ask(dsn, "SELECT 1 FROM zzz")
    with pytest.raises(UserError, match="only a SELECT"):
        ask(dsn, "UPDATE alerts SET night = 1")
    with pytest.raises(UserError, match="one statement at a time"):
        ask(dsn, "SELECT 1; SELECT 2")


def test_a_long_query_is_cut_off(dsn: str) -> None:
    with pytest.raises(UserError, match=r"longer than 0\.2 s"):
        ask(dsn, "SELECT pg_sleep(30)", seconds=0.2)
    with pytest.raises(UserError, match=r"longer than 0\.2 s"):
        ask(dsn, "SELECT count(*) FROM generate_series(1, 1000000000) a, generate_series(1, 1000000000) b", seconds=0.2)


def test_no_server_is_no_fault_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(UpstreamError):
        ask(f"postgresql://nobody@/none?host={tmp_path}", "SELECT 1")
