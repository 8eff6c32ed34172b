"""The streaming reader against json.loads: the same values, the same errors at the same places."""

import io
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mrcnn_roi.datasets import json_stream
from mrcnn_roi.datasets.json_stream import BEGIN, stream_json

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner))
documents = st.dictionaries(st.sampled_from(["images", "annotations", "info", "a"]), values) | values


def collected(data, lists=("images", "annotations")):
    """What stream_json yields, put together again."""
    content = {}
    for key, position, value in stream_json(io.BytesIO(data), lists):
        if position == BEGIN:
            content[key] = []
        elif position is None:
            content[key] = value
        else:
            assert position == len(content[key])
            content[key].append(value)
    return content.get(None, content)


def outcome(read, data):
    """What a reader makes of bytes: the value, or the kind of error and its line."""
    try:
        return read(data)
    except json.JSONDecodeError as error:
        return "not JSON", error.lineno
    except UnicodeDecodeError:
        return "not text"
    except (ValueError, RecursionError) as error:
        return type(error)


@pytest.fixture(autouse=True)
def small_window(monkeypatch):
    monkeypatch.setattr(json_stream, "CHUNK", 16)


@settings(max_examples=300, deadline=None)
@given(documents, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]), st.sampled_from([None, 1]))
def test_the_same_values_as_json_loads(document, encoding, indent):
    data = json.dumps(document, indent=indent, ensure_ascii=False).encode(encoding, "surrogatepass")
    assert collected(data) == json.loads(data)


breaks = st.sampled_from(["", ",", "]", "x", '"', "}", "1", "\n"])


@settings(max_examples=500, deadline=None)
@given(documents, st.integers(0, 200), st.integers(0, 3), breaks)
def test_the_same_errors_as_json_loads(document, cut, gap, put):
    text = json.dumps(document, indent=1)
    broken = (text[:cut] + put + text[cut + gap :]).encode()
    assert outcome(collected, broken) == outcome(json.loads, broken)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
@example(b'{"images": [1, 2')
@example(b"\xff\xfe{\x00")
@example(b"0\x01")
@example(b'{"images":   1.5e+10}')
@example(b'{"images":    1.5e+10}')
@example(b'{"images":     1.5e+10}')
def test_any_bytes(data):
    assert outcome(collected, data) == outcome(json.loads, data)


def test_the_column_counts_from_the_beginning_of_the_line():
    data = b'{"info": 1,\n "images": [1, 2, 3, 4, 5, 6, 7, 8 9]}'
    with pytest.raises(json.JSONDecodeError) as caught:
        collected(data)
    assert caught.value.lineno == 2
    assert data.splitlines()[1][: caught.value.colno - 1] == b' "images": [1, 2, 3, 4, 5, 6, 7, 8 '


def test_the_window_stays_small(monkeypatch):
    monkeypatch.setattr(json_stream, "CHUNK", 1000)
    records = json.dumps({"annotations": [{"id": i, "text": "x" * 50} for i in range(5000)]}).encode()
    sizes = []
    grow = json_stream._Window._grow

    def watched(window):
        grow(window)
        sizes.append(len(window.text))

    monkeypatch.setattr(json_stream._Window, "_grow", watched)
    assert len(collected(records)["annotations"]) == 5000
    assert max(sizes) < 3000


def test_a_list_given_twice_begins_anew():
    assert collected(b'{"images": [1, 2], "images": [3]}') == {"images": [3]}


def test_a_long_element_is_read_whole():
    document = {"images": ["y" * 5000, 1.5, -12345], "annotations": []}
    assert collected(json.dumps(document).encode()) == document
