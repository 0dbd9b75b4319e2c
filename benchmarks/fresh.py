"""A process of its own for each measurement, so that none inherits another's memory or threads."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar, cast

Args = ParamSpec("Args")
R = TypeVar("R")

_SECONDS_MAX = 600.0


def in_fresh_process(fn: Callable[Args, R], *args: Args.args, **kwargs: Args.kwargs) -> R:
    """Call a function in a new interpreter; give what it returns.

    Raises:
        Exception: Whatever the function raises.
        RuntimeError: The process died.
        TimeoutError: It took too long, and was ended.
    """
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(send, fn, args, kwargs))
    process.start()
    send.close()
    try:
        if not receive.poll(_SECONDS_MAX):
            raise TimeoutError(f"no result within {_SECONDS_MAX:g} seconds")
        result, error = receive.recv()
    except EOFError:
        raise RuntimeError("the process died without a result") from None
    finally:
        receive.close()
        process.terminate()
        process.join()
    if error is not None:
        raise error
    return cast("R", result)


def _call(
    send: Connection, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    outcome: tuple[Any, Exception | None]
    try:
        outcome = fn(*args, **kwargs), None
    except Exception as error:  # It is raised in the process that asked.
        outcome = None, error
    send.send(outcome)
    send.close()
