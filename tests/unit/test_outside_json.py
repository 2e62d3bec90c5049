"""JSON from outside: what is taken, and that everything else is a ValueError."""

import json
from typing import Any

import pytest
from express_batch.outside_json import MAX_DEPTH, decode_json
from hypothesis import given

from tests.fakes.bounds import BOUNDED
from tests.fakes.json_values import ANY_JSON, nested_json


@BOUNDED
@given(ANY_JSON)
def test_document_is_what_pythons_decoder_says_or_a_value_error(document: Any) -> None:
    text = json.dumps(document)
    try:
        decoded = decode_json(text, half_pairs=True)
    except ValueError:
        assert any(word in text for word in ("NaN", "Infinity"))
    else:
        assert decoded == json.loads(text)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "1e999", "-1e999", "9" * 5000, "01", ""])
def test_number_that_json_has_not_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the contract is the class
        decode_json(text)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 990, 5_000, 100_000])
@pytest.mark.parametrize("before", [b"", b'{"a": 1, "b": '])
def test_document_is_refused_when_it_is_nested_deeply(before: bytes, depth: int) -> None:
    with pytest.raises(ValueError, match="deeply"):
        decode_json(before + nested_json(depth) + (b"}" if before else b""))


def test_document_may_be_as_deep_as_the_limit_and_as_wide_as_it_likes() -> None:
    assert decode_json(nested_json(MAX_DEPTH)) == json.loads(nested_json(MAX_DEPTH))
    assert len(decode_json(json.dumps([[1, {"a": [2]}]] * 5_000))) == 5_000


@pytest.mark.parametrize(
    "data", [b'"\xff"', b'"\xed\xa0\x80"', '"a"'.encode("utf-16"), b'"\\ud800"', b'{"\\udc00": 1}']
)
def test_text_that_utf8_has_not_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        decode_json(data)


def test_half_of_a_character_is_taken_where_it_is_asked_for_and_a_whole_one_always() -> None:
    assert decode_json(b'"\\ud83d"', half_pairs=True) == "\ud83d"
    assert decode_json(b'"\\ud83d\\ude00"') == "😀"
    with pytest.raises(ValueError, match="surrogates"):
        decode_json('"\ud83d"')


def test_key_that_comes_twice_says_what_the_last_says() -> None:
    assert decode_json('{"points": 1, "points": 2}') == {"points": 2}


def test_mark_of_the_byte_order_is_passed_over() -> None:
    assert decode_json(b"\xef\xbb\xbf[1]") == [1]
