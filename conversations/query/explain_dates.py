"""Date expressions and lengths of time in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from .mistakes import Translate, gettext_noop

Ngettext = Callable[[str, str, int], str]

_WORDS: Mapping[str, str] = {
    "today": gettext_noop("today"),
    "yesterday": gettext_noop("yesterday"),
    "this-week": gettext_noop("this week"),
    "last-week": gettext_noop("last week"),
    "this-month": gettext_noop("this month"),
    "last-month": gettext_noop("last month"),
    "this-year": gettext_noop("this year"),
    "last-year": gettext_noop("last year"),
}
_OPS: Mapping[str, str] = {
    ">": gettext_noop("after %(date)s"),
    ">=": gettext_noop("from %(date)s on"),
    "<": gettext_noop("before %(date)s"),
    "<=": gettext_noop("until %(date)s"),
    "..": gettext_noop("from %(first)s to %(last)s"),
}
_AGO = re.compile(r"([0-9]+)(min|h|d|w|mo|y)")


def english_plural(singular: str, plural: str, count: int) -> str:
    """The ngettext of somebody who has no translations at hand."""
    return singular if count == 1 else plural


def when(text: str, gettext: Translate, ngettext: Ngettext) -> str:
    """The expression `text` in words; dates themselves stay as written."""
    if ago := _AGO.fullmatch(text):
        return _last(int(ago[1]), ago[2], ngettext)
    first, dots, last = text.partition("..")
    if dots and first and last:
        names = {"first": _point(first, gettext, ngettext), "last": _point(last, gettext, ngettext)}
        return gettext(_OPS[".."]) % names
    if dots:
        return gettext(_OPS[">=" if first else "<="]) % {"date": _point(first or last, gettext, ngettext)}
    if compared := re.fullmatch(r"(<=|>=|<|>)(.+)", text):
        return gettext(_OPS[compared[1]]) % {"date": _point(compared[2], gettext, ngettext)}
    return _point(text, gettext, ngettext)


def _point(text: str, gettext: Translate, ngettext: Ngettext) -> str:
    if ago := _AGO.fullmatch(text):
        return _back(int(ago[1]), ago[2], ngettext)
    return gettext(_WORDS[text]) if text in _WORDS else text.upper()


def _last(n: int, unit: str, ngettext: Ngettext) -> str:
    # One call for each unit, because plural forms differ from noun to noun and are found by these very strings.
    match unit:
        case "min":
            text = ngettext("in the last minute", "in the last %(count)s minutes", n)
        case "h":
            text = ngettext("in the last hour", "in the last %(count)s hours", n)
        case "d":
            text = ngettext("in the last day", "in the last %(count)s days", n)
        case "w":
            text = ngettext("in the last week (7 days)", "in the last %(count)s weeks", n)
        case "mo":
            text = ngettext("in the last month", "in the last %(count)s months", n)
        case _:
            text = ngettext("in the last year", "in the last %(count)s years", n)
    return text % {"count": n}


def _back(n: int, unit: str, ngettext: Ngettext) -> str:
    match unit:
        case "min":
            text = ngettext("%(count)s minute ago", "%(count)s minutes ago", n)
        case "h":
            text = ngettext("%(count)s hour ago", "%(count)s hours ago", n)
        case "d":
            text = ngettext("%(count)s day ago", "%(count)s days ago", n)
        case "w":
            text = ngettext("%(count)s week ago", "%(count)s weeks ago", n)
        case "mo":
            text = ngettext("%(count)s month ago", "%(count)s months ago", n)
        case _:
            text = ngettext("%(count)s year ago", "%(count)s years ago", n)
    return text % {"count": n}


def duration(seconds: float, unit: float | None, ngettext: Ngettext) -> str:
    """A length of time in units of so many seconds, without one in the largest that comes out even."""
    if unit is None:
        unit = next(size for size in (86400, 3600, 60, 1) if not seconds % size and (seconds or size == 1))
    n = int(seconds // unit)
    match unit:
        case 86400:
            text = ngettext("%(count)s day", "%(count)s days", n)
        case 3600:
            text = ngettext("%(count)s hour", "%(count)s hours", n)
        case 60:
            text = ngettext("%(count)s minute", "%(count)s minutes", n)
        case _:
            text = ngettext("%(count)s second", "%(count)s seconds", n)
    return text % {"count": n}
