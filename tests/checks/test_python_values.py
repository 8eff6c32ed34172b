import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn_roi.checks.python_values import python_value

plain = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
nested = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner), max_leaves=6)


@pytest.mark.parametrize("text, value", [
    ("(8, 16, 32)", (8, 16, 32)), ("[0.5, 1, 2]", [0.5, 1, 2]), ("1 + 80", 81), (" 2*3 ", 6), ("None", None),
    ("np.array([123.7, -1.5])", [123.7, -1.5]), ("{'a': 1.}", {"a": 1.0}), ("True", True), ("(28,)*1", None),
])  # fmt: skip
def test_values(text, value):
    if text == "(28,)*1":
        with pytest.raises(ValueError, match="expected a number"):
            python_value(text)
    else:
        assert python_value(text) == value


@pytest.mark.parametrize("text", [
    "0.001", "square", "__import__('os').system('true')", "open('x')", "9**9", "[x for x in (1,)]", "(lambda: 1)()",
    "np.array([1], dtype=int)", "1 +", "(" * 300, "f'{1}' + 'a'", "{**{}}", "'a' + 'b'", "(1).real + 1",
])  # fmt: skip
def test_everything_else_is_refused(text):
    with pytest.raises(ValueError, match="expected "):
        python_value(text)


@settings(deadline=None)
@given(nested)
def test_what_python_writes_is_read(value):
    text = repr((value,))
    if len(text) < 400:
        assert python_value(text) == (value,)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text(text):
    with contextlib.suppress(ValueError):
        python_value(text)
