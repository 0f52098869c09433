"""Bodies are JSON, whatever their Content-Type says: bots and scripts send them without one."""

# ruff: noqa: ARG002 - the signatures are those of REST framework

import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from enterprise.api.errors import Failure


class AnyTypeJSON(BaseParser):
    """Strict JSON of at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes."""

    media_type = "*/*"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The value in the body. Raises ParseError (400) and Failure (413)."""
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise Failure(
                413, "BodyTooLarge", _("The body is larger than %(limit)d bytes.") % {"limit": limit}
            )
        try:
            return json.loads(body, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise ParseError(_("The body is not JSON: %(why)s") % {"why": error}) from error


def _refuse(constant: str) -> None:
    raise ValueError(_("%(constant)s is no JSON number") % {"constant": constant})
