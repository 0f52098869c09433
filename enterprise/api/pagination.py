"""How lists are cut: `limit` and `offset` with an exact X-Total-Count, or `cursor` with Link headers.

Lists are bare JSON arrays, so that all that is said about them stands in headers.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.core.cache import cache
from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from enterprise.api.errors import Failure

TOTAL_SECONDS = 5  # that a count of the same filter is believed; an exact count of millions takes its time
LARGEST = 2**31


class Window(NamedTuple):
    """The part of a list that is asked for. `limit` None: all."""

    offset: int
    limit: int | None

    def of(self, rows: Any) -> Any:
        """This part of a queryset or list."""
        return rows[self.offset : None if self.limit is None else self.offset + self.limit]


def window(request: Request, *, default: int | None = None, maximum: int | None = None) -> Window:
    """`limit` and `offset` of the query. Raises Failure (400). A `limit` above `maximum` is cut, absent is `default`."""
    limit = whole_number(request, "limit")
    if limit is None:
        limit = default
    if maximum is not None:
        limit = maximum if limit is None else min(limit, maximum)
    return Window(whole_number(request, "offset") or 0, limit)


def whole_number(request: Request, name: str) -> int | None:
    """A parameter that counts something; None when absent or empty. Raises Failure (400)."""
    text = request.GET.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10) or int(text) > LARGEST:
        message = _("“%(name)s” must be a whole number from 0 on.") % {"name": name}
        raise Failure(400, "InvalidParameter", message, {"parameter": name, "value": text})
    return int(text)


def total(queryset: QuerySet[Any], *, seconds: int = TOTAL_SECONDS) -> int:
    """How many rows match, exact at most `seconds` ago, cached per filter."""
    try:
        sql, parameters = queryset.order_by().query.sql_with_params()
    except EmptyResultSet:
        return 0
    key = "total:" + hashlib.sha256(repr((sql, parameters)).encode("utf-8", "surrogatepass")).hexdigest()
    known: int | None = cache.get(key)
    if known is None:
        known = queryset.count()
        cache.set(key, known, seconds)
    return known


def respond(
    rows: Sequence[Any],
    request: Request,
    *,
    total: int | None = None,
    next_cursor: str | None = None,
    previous_cursor: str | None = None,
) -> Response:
    """A bare array with its headers. Cursors become RFC 8288 links to this very list."""
    headers: dict[str, str] = {}
    if total is not None:
        headers["X-Total-Count"] = str(total)
    links = []
    for relation, cursor in (("next", next_cursor), ("prev", previous_cursor)):
        if cursor:
            query = request.GET.copy()
            query["cursor"] = cursor
            query.pop("offset", None)
            links.append(
                f'<{request.build_absolute_uri(request.path)}?{query.urlencode()}>; rel="{relation}"'
            )
    if links:
        headers["Link"] = ", ".join(links)
    return Response(rows, headers=headers)
