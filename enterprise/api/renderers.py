"""JSON that every parser reads, whatever an event holds."""

# ruff: noqa: ARG002 - the signatures are those of REST framework

import math
from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer
from rest_framework.utils.encoders import JSONEncoder

LONGEST_INTEGER = 10**4000  # Python prints no longer ones by default


class StrictJSON(BaseRenderer):
    """NaN and Infinity become null, which JSON knows; lone surrogates are escaped, which UTF-8 cannot hold."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The bytes of the answer; none when there is nothing to say (204)."""
        return b"" if data is None else dumps(data)


def dumps(data: Any) -> bytes:
    """`data` as JSON in UTF-8."""
    try:
        text = _encode(data)
    except ValueError:  # rare, so that the usual answer is not walked through
        data = _without_impossible_numbers(data)
        text = _encode(data)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _encode_ascii(data).encode()


_encode = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_encode_ascii = JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode


def _without_impossible_numbers(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _without_impossible_numbers(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_without_impossible_numbers(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    if isinstance(data, int) and abs(data) >= LONGEST_INTEGER:
        return None
    return data
