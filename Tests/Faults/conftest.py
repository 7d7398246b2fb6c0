"""Fixtures of the fault suites."""

import os

import pytest

from behaviour import daemons

SEED = int(os.environ.get("FAULTS_SEED", "1"))


@pytest.fixture
def seed():
    """The seed of every random choice of a run, from FAULTS_SEED."""
    return SEED


@pytest.fixture
def start(tmp_path):
    """Starts daemons: start(config, *flags, listeners=1, awaited=True, env=…, prefix=…, …)."""
    with daemons(tmp_path) as start:
        yield start


def pytest_report_header():
    return f"FAULTS_SEED={SEED}"
