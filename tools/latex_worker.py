"""The process that runs math-verify for `tutelage.tools.latex`: JSON lines in, JSON lines out.

It is started by path, with the deadline in seconds, and imports nothing of ours. SymPy may take any time and
memory on what a model wrote: the parent kills this process at the deadline. Where the system can do so, the
process bounds its own memory and ends itself soon after a deadline, should the parent be gone.

    {"key": "x=\\\\frac{1}{2}"}             -> {"key": "1/2"}, or {"key": null} if it cannot be parsed
    {"reference": "(1,2)", "answer": "..."} -> {"equal": true}
"""

import json
import logging
import math
import signal
import sys
from typing import Any

from math_verify import parse, verify  # type: ignore[import-untyped]
from sympy import Basic, Eq, Symbol  # type: ignore[import-untyped]

MEMORY = 4 * 2**30


def parsed(text: str) -> list[Any]:
    """What math-verify reads in an answer; empty if nothing."""
    result: list[Any] = parse("\\boxed{" + text + "}", parsing_timeout=None)
    return result


def key_of(text: str) -> str | None:
    """The canonical text of an answer."""
    expression = next((value for value in parsed(text) if not isinstance(value, str)), None)
    if expression is None:
        return None
    if isinstance(expression, Eq) and isinstance(expression.lhs, Symbol):
        expression = expression.rhs
    if isinstance(expression, Basic) and expression.is_number and expression.is_real:
        return str(expression) if expression.is_Integer else format(float(expression), ".10g")
    return str(expression)


def reply(request: dict[str, str]) -> dict[str, object]:
    """Answer one request; what SymPy cannot do counts as not parsed, or as not equal."""
    try:
        if "key" in request:
            return {"key": key_of(request["key"])}
        pair = parsed(request["reference"]), parsed(request["answer"])
        return {"equal": bool(verify(*pair, timeout_seconds=None))}
    except Exception:
        return {"key": None, "equal": False}


def limit_memory() -> None:
    """Bound the address space, where the system knows such a bound."""
    try:
        import resource
    except ImportError:
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    soft = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def limit_time(seconds: int) -> None:
    """End the process after some seconds, where the system has alarms; 0 takes the limit back."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)


def main() -> None:
    """Say that the imports are done, then answer until the input ends."""
    deadline = math.ceil(float(sys.argv[1])) + 1
    logging.disable()
    limit_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("ready", flush=True)
    for line in sys.stdin:
        limit_time(deadline)
        print(json.dumps(reply(json.loads(line))), flush=True)
        limit_time(0)


if __name__ == "__main__":
    main()
