import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tutelage.tools.shared_batches import SharedBatches


def test_what_waits_is_answered_together_and_each_gets_its_own() -> None:
    sizes: list[int] = []
    opened, all_ask = threading.Event(), threading.Event()

    def squares(asked: Sequence[int]) -> list[int]:
        sizes.append(len(asked))
        opened.set()
        all_ask.wait(10)
        return [each * each for each in asked]

    batches = SharedBatches[int, int](squares, 4)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(batches.ask, 100)
        assert opened.wait(10)
        others = [pool.submit(batches.ask, each) for each in range(8)]
        while len(batches._waiting) < 8:
            threading.Event().wait(0.001)
        all_ask.set()
        assert [each.result(10) for each in others] == [each * each for each in range(8)]
        assert first.result(10) == 10_000
    assert sizes == [1, 4, 4]


def test_an_error_reaches_who_asked_and_the_next_question_is_answered() -> None:
    def halves(asked: Sequence[int]) -> list[float]:
        return [1 / each for each in asked]

    batches = SharedBatches[int, float](halves, 4)
    with pytest.raises(ZeroDivisionError):
        batches.ask(0)
    assert batches.ask(4) == 0.25
