"""One self-contained HTML page: accuracy against tokens, before and after, one rollout told step by step.

`write_page` writes it, `story_of` takes a rollout out of a run. matplotlib draws (`pip install
'tutelage[report]'`); the page itself needs neither network nor script.
"""

from tutelage.training.report.page import page, write_page
from tutelage.training.report.story import Attempted, Moment, Step, Story, story_of

__all__ = ["Attempted", "Moment", "Step", "Story", "page", "story_of", "write_page"]
