"""Tutelage: solver, critic and teacher loops that train the model they run on.

The rooms are imported by name: `tutelage.tools`, `tutelage.traces`, `tutelage.agents`,
`tutelage.graphs`, `tutelage.training`. Importing this package alone loads none of them.
"""

from tutelage.errors import TutelageError
from tutelage.types import Sampling, Score, Task

__all__ = ["Sampling", "Score", "Task", "TutelageError", "__version__"]

__version__ = "0.1.0"
