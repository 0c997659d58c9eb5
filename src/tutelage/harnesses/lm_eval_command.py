"""`tutelage-lm-eval`: the command `lm-eval` with the model class `tutelage` in its registry.

lm-eval finds model classes of other packages only where something has registered them before its command runs; it
reads no entry points. Everything on the command line is lm-eval's. A refusal of ours is one sentence and exit code 2.
"""

import sys

from tutelage.agents.engines.optional import require
from tutelage.errors import TutelageError
from tutelage.printable import printable

__all__ = ["main", "register"]

NAME = "tutelage"
INSTALL = "'tutelage[harnesses]'"


def register() -> None:
    """Add the model class to lm-eval's registry; for those who call `lm_eval.simple_evaluate` themselves.

    Raises:
        MissingDependency: lm-eval is not installed.
    """
    require("lm_eval", needed_by="the model class 'tutelage'", install=INSTALL)
    import lm_eval.models  # noqa: F401 (fills the registry, which would else stay as empty as it is not)
    from lm_eval.api.registry import model_registry

    if NAME not in model_registry:
        model_registry.register(NAME, target="tutelage.harnesses.lm_eval_model:TutelageLM")


def main() -> None:
    """Run lm-eval."""
    try:
        register()
        from lm_eval.__main__ import cli_evaluate

        cli_evaluate()
    except TutelageError as error:
        print(f"tutelage: {printable(str(error))}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
