"""Skips are counted: with ``--skips N`` a run with another number of them fails."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--skips", type=int, default=None, metavar="N", help="fail unless exactly N tests are skipped"
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    expected = session.config.getoption("--skips")
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if expected is None or reporter is None:
        return
    found = len(reporter.stats.get("skipped", []))
    if found != expected:
        reporter.write_line(
            f"{found} tests were skipped, {expected} are allowed: a skip must be meant", red=True
        )
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
