"""Calls of the command line and of parsers in this process, with what must hold of each."""

import json
import re
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper

from sim.cli import main
from sim.protocol.errors import SorsimError


class Unsound(Exception):
    """A property that must always hold does not."""


class _Stream(TextIOWrapper):
    """A stand-in for a standard stream: strict UTF-8, as a terminal or a file has it."""

    def __init__(self) -> None:
        self.bytes = BytesIO()
        super().__init__(self.bytes, encoding="utf-8", errors="strict", newline="\n")

    def text(self) -> str:
        self.flush()
        return self.bytes.getvalue().decode("utf-8", "replace")


def command(*args: str, printed: bool = True) -> tuple[int, str, str]:
    """Run a command; exit code, stdout, stderr.

    Args:
        args: Of the command line.
        printed: Whether stdout is for people, who must not meet control codes in it.

    Raises:
        Unsound: If it says that the fault is ours, takes all memory, or prints what a terminal
            would obey.
    """
    out, err = _Stream(), _Stream()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(args)
    said, told = out.text(), err.text()
    if code not in {0, 1, 2}:
        raise Unsound(f"exit code {code} of {args[0]}: {_last(told)}")
    if "Traceback" in told or "out of memory" in told:
        raise Unsound(f"{args[0]}: {_last(told)}")
    if bad := _unprintable(told):
        raise Unsound(f"{args[0]} writes {bad} to stderr")
    if printed and (bad := _unprintable(said)):
        raise Unsound(f"{args[0]} writes {bad} to stdout")
    if "--json" in args:
        _one_document(said, args)
    return code, said, told


def _one_document(said: str, args: Sequence[str]) -> None:
    def constant(name: str) -> None:
        raise Unsound(f"{args[0]} --json writes {name}, which is no JSON")

    try:
        json.loads(said, parse_constant=constant)
    except ValueError as error:
        raise Unsound(f"{args[0]} --json writes no JSON document: {error}") from error


def _unprintable(text: str) -> str:
    if text.replace("\n", "").isprintable():
        return ""
    found = next((char for char in text if not char.isprintable() and char != "\n"), "")
    return found and f"U+{ord(found):04X}"


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line]
    return next((line for line in lines if "internal error" in line), lines[-1] if lines else "")


def way(code: int, said: str, told: str) -> str:
    """How it went, without what differs from input to input: a new way is worth to go on from."""
    text = told if code else said[:2_000]
    text = re.sub(r"'[^']*'|\"[^\"]*\"|[0-9]+|0x[0-9a-f]+", "#", text)
    return f"{code} {text[:300]}"


def ask(question: Callable[[], object]) -> str:
    """The way that a call went: an answer, or one of our errors in printable words.

    Raises:
        Unsound: If the words are not printable, or none.
    """
    try:
        question()
    except SorsimError as error:
        return checked_words(error)
    return "fine"


def checked_words(error: Exception) -> str:
    words = str(error)
    if not words.replace("\n", "").isprintable() or not words:
        raise Unsound(f"{type(error).__name__} says {words[:200]!a}")
    return f"{type(error).__name__} {re.sub('[0-9]+', '#', words)[-120:]}"


def text_of(data: bytes) -> str:
    """An argument as the system gives it: any bytes but NUL, the wrong ones as surrogates."""
    return data[:100_000].replace(b"\0", b"").decode("utf-8", "surrogateescape")
