"""The rules that tests/support/floors.py enforces, each shown on a small suite of its own."""

from __future__ import annotations

import shutil

import pytest

from tests.support import floors

FILES = {
    "skips": "import pytest\ndef test_one():\n    pytest.skip('no server here')\n",
    "skips_at_import": "import pytest\npytest.skip('no library here', allow_module_level=True)\ndef test_one(): pass\n",
    "expects_failure": "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_one():\n    assert False\n",
    "hangs": "import pytest, time\n@pytest.mark.timeout(0.2)\ndef test_one():\n    time.sleep(3)\n",
    "passes": "def test_one(): pass\n",
}


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A repository with our floors and nothing in them."""
    support = pytester.mkdir("tests") / "support"
    support.mkdir()
    shutil.copy(floors.__file__, support / "floors.py")
    (pytester.path / "tests" / "conftest.py").write_text('pytest_plugins = ["tests.support.floors"]\n')
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\naddopts = ['--import-mode=importlib']\npythonpath = ['.']\n")
    return pytester


def run(suite: pytest.Pytester, **tests: str) -> pytest.RunResult:
    for name, text in tests.items():
        floor, _, rest = name.partition("_")
        (suite.path / "tests" / floor).mkdir(exist_ok=True)
        (suite.path / "tests" / floor / f"test_{rest}.py").write_text(text)
    return suite.runpytest_subprocess("tests", "-p", "no:cacheprovider")


def test_a_test_must_run_and_pass_in_time(suite: pytest.Pytester) -> None:
    result = run(suite, **{f"unit_{name}": FILES[name] for name in ("skips", "expects_failure", "hangs", "passes")})
    result.assert_outcomes(failed=3, passed=1)
    result.stdout.fnmatch_lines_random(
        [
            "*not be skipped or expected to fail: *no server here*",
            "*not be skipped or expected to fail: known*",
            "*Timeout*0.2*",
        ]
    )


def test_a_file_must_not_skip_itself(suite: pytest.Pytester) -> None:
    result = run(suite, unit_skips_at_import=FILES["skips_at_import"])
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*not be skipped or expected to fail: *no library here*"])


def test_floors_run_from_the_cheapest_up(suite: pytest.Pytester) -> None:
    result = run(suite, **{f"{floor}_passes": FILES["passes"] for floor in reversed(floors.FLOORS)})
    result.assert_outcomes(passed=len(floors.FLOORS))
    result.stdout.re_match_lines([rf"tests/{floor}/test_passes\.py \." for floor in floors.FLOORS])
    result.stdout.fnmatch_lines([f"{floor} *1 tests*" for floor in floors.FLOORS])


def test_a_file_outside_the_floors_is_refused(suite: pytest.Pytester) -> None:
    result = run(suite, attic_passes=FILES["passes"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_passes.py lies in no floor; put it in one of unit, *"])


def test_a_slow_unit_floor_fails(suite: pytest.Pytester) -> None:
    own = suite.path / "tests" / "support" / "floors.py"
    own.write_text(own.read_text().replace("UNIT_SECONDS = 30.0", "UNIT_SECONDS = 0.05"))
    result = run(suite, unit_slow="import time\ndef test_one():\n    while time.process_time() < 3: pass\n")
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.re_match_lines([r"tests/unit took \d\.\d s of CPU; it must stay under 0 s"])
