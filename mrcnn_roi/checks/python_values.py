"""Values as one writes them in Python: `(8, 16)`, `1 + 2`, `None`.

The fixes of findings are written so, and people copy them into YAML files, where they are text. They are read here,
and never executed.
"""

from __future__ import annotations

import ast
import operator
from typing import Any

LONGEST = 400  # characters
OPERATORS: dict[type, Any] = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}
ARRAYS = ("np.array", "numpy.array", "array")
WORDS = ("None", "True", "False")


def python_value(text: str) -> Any:
    """The value that the text stands for in Python: tuples, lists, dictionaries, sums and products of numbers,
    np.array([...]), None, True, False. Raises ValueError for everything else, plain numbers and names too."""
    stripped = text.strip()
    if len(stripped) > LONGEST or not (stripped in WORDS or any(sign in stripped for sign in "([{+*")):
        raise ValueError(f"expected a value as Python writes it, received {text[:80]!r}")
    try:
        return _value(ast.parse(stripped, mode="eval").body)
    except (SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(f"expected a value as Python writes it, received {text[:80]!r}") from error


def _value(node: ast.AST) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float, str, bool, type(None))):
        return node.value
    if isinstance(node, (ast.Tuple, ast.List)):
        items = [_value(each) for each in node.elts]
        return tuple(items) if isinstance(node, ast.Tuple) else items
    if isinstance(node, ast.Dict) and None not in node.keys:
        return {_value(key): _value(value) for key, value in zip(node.keys, node.values) if key is not None}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_number(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](_number(node.left), _number(node.right))
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords and ast.unparse(node.func) in ARRAYS:
        return _value(node.args[0])
    raise ValueError(f"expected a value as Python writes it, received {ast.unparse(node)[:80]!r}")


def _number(node: ast.AST) -> int | float:
    value = _value(node)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"expected a number, received {ast.unparse(node)[:80]!r}")
    return value
