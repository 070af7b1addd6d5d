"""What a MariaDB gives for functions of filters, kept in `mariadb.toml`: `python -m tests.unit.filters.ask_mariadb` asks it again.

Needed is Debian's mariadb-server. Each question is asked of each value; a question with several blanks is asked of as many values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.mariadb import running

ANSWERS = Path(__file__).with_name("mariadb.toml")


def words(text: str) -> list[str]:
    """Return the words of a text, in its order."""
    return text.split()


def _moments(*texts: str) -> list[str]:
    return [f"timestamp('{text}')" for text in texts]


MOMENTS = _moments(
    *(f"{year}-{day}" for year in (2000, 2015, 2020, 2023, 2024, 2026, 2027) for day in ("01-01", "01-03", "01-04", "12-28", "12-31 23:59:59.999999")),
    *("1969-12-31 12:00:00.5", "1000-01-01", "9999-12-31", "2024-02-29 01:02:03.000405", "2026-04-30 12:00:00", "2026-11-22 00:30:00"),
)
PAIRS = [
    tuple(_moments(*pair))
    for pair in (
        ("2024-01-31", "2024-02-29"),
        ("2024-02-29", "2024-01-31"),
        ("2024-02-29 00:00:01", "2024-01-29 00:00:02"),
        ("2024-02-29", "2025-02-28"),
        ("2024-02-29 10:00:00", "2028-02-29 09:59:59.999999"),
        ("2026-11-25 08:30:00.5", "2027-03-01 07:00:00"),
        ("2027-03-01 07:00:00", "2026-11-25 08:30:00.5"),
    )
]
TEXTS = ["''", "'x'", "'xX'", "'xxaxbxx'", "'a-b-c'", "'xx'", "'--'", "'abc'"]
DATED = ["'25.11.2026 08:30:07.25'", "'5.1.2026 3:4:5.000001'", "'29.2.2024 23:59:59.5'", "'nothing'"]

NUMBERS = ["0e0", "1e0", "-1e0", "7.25e0", "-7.25e0", "1e-3", "123456.789e0", "-2.7e10", "2.5e0", "-3.5e0"]
MODES = range(8)
LETTERS = "abcDdefHhIijklMmprSsTUuVvWwXxYy"
UNITS = words("microsecond second minute hour day week month quarter year")
PARTS = words("year quarter month day dayofmonth dayofyear dayofweek weekday hour minute second microsecond to_days last_day dayname monthname weekofyear")

MATHEMATICS = words("abs acos asin atan ceil ceiling cos degrees floor ln log log10 log2 radians round sign sin sqrt tan")

QUESTIONS: dict[str, Iterable[Any]] = {
    **{f"{part}({{}})": MOMENTS for part in PARTS},
    **{f"week({{}}, {mode})": MOMENTS for mode in MODES},
    **{f"yearweek({{}}, {mode})": MOMENTS for mode in MODES},
    "week({})": MOMENTS,
    "yearweek({})": MOMENTS,
    "to_seconds({})": MOMENTS,
    "date({})": MOMENTS,
    "CAST({} AS DATETIME)": MOMENTS,
    "date_format({}, '" + "|".join(f"%{letter}" for letter in LETTERS) + "|%%|%Y%m%d%d%j%S%S')": MOMENTS,
    **{f"extract({unit} from {{}})": MOMENTS[-3:] for unit in UNITS},
    **{f"timestampadd({unit}, {count}, {{}})": [MOMENTS[-6], *MOMENTS[-4:]] for unit in UNITS for count in (-13, 1)},
    **{f"timestampdiff({unit}, {{}}, {{}})": PAIRS for unit in UNITS},
    "datediff({}, {})": PAIRS,
    "adddate({}, 40)": MOMENTS[-3:],
    "subdate({}, 40)": MOMENTS[-3:],
    "add_months({}, 13)": MOMENTS[-3:],
    "makedate({}, {})": [(2026, 366), (2024, 366), (2026, 0), (9999, 366), (2000, 1), (2026, 1000)],
    "from_days({})": [739986, 365243, 3652424],
    "from_unixtime({}, '%Y-%m-%d %T.%f')": [0.0, 1.5, 1790000000.0],
    "str_to_date({}, '%d.%m.%Y %H:%i:%s.%f')": DATED,
    "str_to_date({}, '%e.%c.%Y %T.%f')": DATED,
    **{f"trim({side} {part} from {{}})": TEXTS for side in ("leading", "trailing", "both") for part in ("'x'", "'xx'", "'-'")},
    "trim('x' from {})": TEXTS,
    **{f"substring_index({{}}, {part}, {count})": TEXTS for part in ("'x'", "'-'", "'xx'") for count in (-2, -1, 0, 1, 2)},
    **{f"substring({{}}, {start})": TEXTS for start in ("-2", "-2, 1", "2", "2, 1")},
    "locate('x', {}, 2)": TEXTS,
    "locate('x', {})": TEXTS,
    "strcmp({}, 'b')": TEXTS,
    "field({}, 'x', 'ABC')": TEXTS,
    "elt({}, 'a', 'b')": [0, 1, 2, 3],
    "bit_length({})": TEXTS,
    **{f"{name}({{}})": NUMBERS for name in MATHEMATICS},
    **{f"{name}({{}}, 3e0)": NUMBERS for name in ("pow", "mod", "atan2", "greatest", "least", "log")},
    **{f"{name}({{}}, {digits})": NUMBERS for name in ("round", "truncate") for digits in (-1, 1, 4)},
    "{} DIV 3": NUMBERS,
    "exp({})": NUMBERS[:5],
    "CAST({} AS SIGNED)": NUMBERS,
    **{f"{name}({{}})": TEXTS for name in ("lower", "upper", "length", "char_length", "trim", "reverse")},
    **{f"{name}({{}}, 2)": TEXTS for name in ("left", "right")},
    "replace({}, 'x', '')": TEXTS,
    "concat({}, 'x')": TEXTS,
    "nvl2(nullif({}, ''), 1, 2)": TEXTS,
}
"""What is asked; a blank is where a value comes."""


def asked(question: str, value: Any) -> str:
    """Return a question about one value, or as many as it has blanks."""
    return question.format(*(value if isinstance(value, tuple) else (value,)))


def spelt(answer: Any) -> str | int | float:
    """Return an answer as the file has it: NULL as the text `NULL`, moments as ISO."""
    if answer is None:
        return "NULL"
    if isinstance(answer, date):
        return str(answer) if isinstance(answer, datetime) else f"{answer} 00:00:00"
    return float(answer) if isinstance(answer, Decimal) else answer


def main() -> None:
    """Ask, and write the file."""
    with running() as server, ANSWERS.open("w") as file:
        cursor = server.connection.cursor()
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute("SELECT version()")
        print(f'version = "{cursor.fetchone()[0]}"', file=file)
        print("\n[answers]", file=file)
        for question, values in QUESTIONS.items():
            answers = []
            for value in values:
                cursor.execute(f"SELECT {asked(question, value)}")
                answers.append(spelt(cursor.fetchone()[0]))
            print(f"{json.dumps(question)} = {json.dumps(answers)}", file=file)


if __name__ == "__main__":
    main()
