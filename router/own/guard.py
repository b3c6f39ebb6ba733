"""Calls into the user's code: what goes wrong there comes out as one error that says where.

Nothing of it is repaired. Knows no desk and no event loop.
"""

import inspect
from collections.abc import Callable
from pathlib import PurePath
from types import CodeType, FrameType
from typing import Any, Final, NoReturn

import msgspec

from router.own.api import ActionError
from sim.protocol.errors import AuditWriteError, InvariantError, PluginError

_SHOWN_MAX: Final = 500
_PASSED_ON: Final = AuditWriteError, InvariantError, PluginError
"""Errors of ours on their way through the user's code."""


class Plugin(msgspec.Struct, frozen=True):
    """A user's class. ``ref`` is its name as the scenario writes it, ``file`` where its code is."""

    ref: str
    file: str
    made: Callable[..., Any]
    params: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.ref.rpartition(":")[2]

    def make(self) -> Any:
        """A new one of the class.

        Raises:
            PluginError: If that fails.
        """
        return self.call(self.made, **self.params)

    def call(self, hook: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What the user's ``hook`` returns.

        Raises:
            PluginError: If it raises anything but a signal to this process.
        """
        try:
            return hook(*args, **kwargs)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.failed(error, hook)

    def failed(self, error: BaseException, hook: Any = None) -> NoReturn:
        """Raise what became of the user's code, with the place in it where that was.

        Raises:
            PluginError: Always.
        """
        if isinstance(error, _PASSED_ON):
            raise error
        kind = type(error).__name__
        text = _text(error)
        what = text if isinstance(error, ActionError) else f"{kind}: {text}" if text else kind
        place = self._raised_at(error) or self._defined_at(hook)
        raise self._error(what, place, kind) from error

    def refused(self, error: ActionError, frame: FrameType | None) -> PluginError:
        """What a refused action comes out as, while the user's code may still catch it.

        Args:
            error: Why it was refused.
            frame: Where that was; the user's line is the nearest one outwards.
        """
        place = self.file, ""
        while frame is not None:
            if frame.f_code.co_filename == self.file:
                place = f"{self.file}:{frame.f_lineno}", frame.f_code.co_name
                break
            frame = frame.f_back
        return self._error(str(error), place, type(error).__name__)

    def wrong(self, what: str, hook: Any = None) -> NoReturn:
        """Raise that the user's code did what it must not, at the place of ``hook``.

        Raises:
            PluginError: Always.
        """
        raise self._error(what, self._defined_at(hook), "")

    def _error(self, what: str, place: tuple[str, str], kind: str) -> PluginError:
        where, function = place
        at = f" ({where}{f', in {function}' if function else ''})" if where else ""
        file, _, line = where.rpartition(":")
        short = f"{PurePath(file).name}:{line}" if file else PurePath(where).name
        return PluginError(
            f"plug-in {self.ref} failed: {what}{at}",
            plugin=self.ref,
            place=f"{short} {function}".strip(),
            kind=kind,
        )

    def _raised_at(self, error: BaseException) -> tuple[str, str] | None:
        """The last line of the user's file on the way to the error."""
        if isinstance(error, SyntaxError) and error.filename == self.file:
            return f"{self.file}:{error.lineno}", ""
        found, trace = None, error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            if code.co_filename == self.file:
                found = f"{self.file}:{trace.tb_lineno}", code.co_name
            trace = trace.tb_next
        return found

    def _defined_at(self, hook: Any) -> tuple[str, str]:
        code = getattr(inspect.unwrap(hook), "__code__", None) if callable(hook) else None
        if isinstance(code, CodeType):
            return f"{code.co_filename}:{code.co_firstlineno}", code.co_name
        return self.file, ""


def _text(error: BaseException) -> str:
    """An error's own words, which are the user's code too."""
    try:
        text = str(error)
    except Exception:
        return ""
    return text[:_SHOWN_MAX]
