"""The docstrings below the fields of a class or the members of an enum, read when somebody asks.

Python keeps none of them. pydantic can collect them as each class is made, but that costs a fifth
of a second whenever a scenario is loaded, and only the JSON Schema and the reference need them.
"""

import ast
import inspect
import sys
from collections.abc import Mapping
from functools import cache
from typing import Final

_OURS: Final = frozenset({"sim", "router", "venues"})


def field_docs(cls: type) -> dict[str, str]:
    """Field -> its docstring, for the class and its bases; none where there is no source.

    Bases outside of our packages are left out, apart from those in the class's own module.
    """
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__ == cls.__module__ or base.__module__.partition(".")[0] in _OURS:
            found |= _docs_in(base.__module__).get(base.__qualname__, {})
    return found


@cache
def _docs_in(module: str) -> Mapping[str, Mapping[str, str]]:
    """Class -> field -> docstring, for the classes of a module."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (KeyError, OSError, TypeError):  # no such module, or one without a source
        return {}
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return {node.name: _docs_of(node) for node in classes}


def _docs_of(node: ast.ClassDef) -> dict[str, str]:
    found: dict[str, str] = {}
    for field, below in zip(node.body, node.body[1:], strict=False):
        name = _name(field)
        if (
            name is not None
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            found[name] = inspect.cleandoc(below.value.value)
    return found


def _name(node: ast.stmt) -> str | None:
    """What a statement gives a name to: ``price: int`` or ``BUY = "buy"``."""
    match node:
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return None
