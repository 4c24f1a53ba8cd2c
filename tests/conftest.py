"""What holds for all tests."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

from tests.rig.loops import CalmLoop

# The machine may be slow; a property is not about time.
settings.register_profile("postern", deadline=None)
# Those that say themselves how many examples they need keep them.
settings.register_profile("postern-ci", deadline=None, max_examples=40)
settings.load_profile("postern-ci" if os.environ.get("CI") else "postern")

# Hundreds of processes are started here. One that keeps no bytecode, as some machines ask for, compiles all of our
# sources anew: two thirds of the work of its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Each gateway and each HTTP client reads the file of those it trusts: on most machines 150 authorities, 50 ms of work,
# thousands of times. The key of this one is thrown away.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "rig/nobody.pem")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """No time-out of an asynchronous test fires because the machine is busy."""
    return {"asyncio": CalmLoop}
