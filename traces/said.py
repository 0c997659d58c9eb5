"""The texts of a run in the order they were recorded, for searching: completions by pages of turns, and problems.

Texts come without upper case (`str.casefold`). Not covered: prompts, which repeat what was said before them, and
which texts to keep in memory.
"""

from collections.abc import Iterator

from tutelage.traces.blobs import bytes_text, content_of, unpack
from tutelage.traces.database import Database

__all__ = ["problem_texts", "said_texts"]

SAID = """SELECT t.rollout, b.data FROM turns t JOIN bodies b ON b.id = t.completion
    WHERE t.seq > ? AND t.seq <= ? ORDER BY t.seq"""
PROBLEMS = """SELECT k.seq, b.data FROM tasks k JOIN bodies b ON b.id = k.body
    WHERE k.seq > ? AND k.seq <= ? ORDER BY k.seq"""


def said_texts(database: Database, after: int, upto: int) -> Iterator[tuple[int, str]]:
    """Give rollout's number and completion of the turns after a number, up to another."""
    for rollout, data in database.rows(SAID, (after, upto)):
        yield rollout, bytes_text(unpack(data)).casefold()


def problem_texts(database: Database, after: int, upto: int) -> Iterator[tuple[int, str]]:
    """Give number, and id and problem together, of the tasks after a number, up to another."""
    for number, data in database.rows(PROBLEMS, (after, upto)):
        task = content_of(unpack(data))
        yield number, f"{task.get('id', '')}\n{task.get('problem', '')}".casefold()
