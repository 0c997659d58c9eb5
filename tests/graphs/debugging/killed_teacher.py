"""Corrects every turn that is not corrected yet, and says which corrections are on record.

Run by test_teaching.py, which kills it at random moments. Each line on stdout follows its lesson.
"""

import os
import sys

from tutelage.graphs.debugging.teaching import Lessons


def main(directory: str) -> None:
    with Lessons(directory) as taught:
        known = {lesson.turn_id for lesson in taught.lessons()}
        os.write(1, b"ready\n")
        for turn in taught.run.turns():
            if turn.id not in known:
                made = taught.correct(turn.id, f"not {turn.completion}")
                os.write(1, f"{made.id}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1])
