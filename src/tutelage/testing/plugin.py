"""The pytest plugin: a fixture `replay`, whose test fails if it leaves recorded calls unasked.

pytest loads this in every session, so nothing else is imported before a test asks for the fixture.
"""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tutelage.testing.replays import Replays

__all__ = ["pytest_runtest_call", "replay"]


@pytest.fixture
def replay(request: pytest.FixtureRequest) -> "Iterator[Replays]":
    """Answer from recorded runs: `replay(RUN)` is a chat model, `replay.rollout(graph, RUN)` a whole run again.

    When the test ends, every call that the replayed rollouts have on record must have been asked.
    """
    from tutelage.testing.replays import Replays

    with Replays(request.config.rootpath) as replays:
        yield replays


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Check after the test's body, so that what is left is a failure of the test, not of its teardown."""
    result = yield
    replays = getattr(item, "funcargs", {}).get("replay")
    if replays is not None and hasattr(replays, "check"):
        replays.check()
    return result
