"""Tags of the house: icons of the sprite, keys of the actions, times in words."""

from datetime import UTC, datetime
from functools import lru_cache

from django import template
from django.templatetags.static import static
from django.urls import get_script_prefix
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from enterprise.pages.actions import BY_ID

register = template.Library()


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """A symbol of `static/icons.svg`. Decoration unless it has a `label`, which is then its spoken name."""
    if label:
        href = f"{static('icons.svg')}#{name}"
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}"></use></svg>', label, href
        )
    return _decoration(name, get_script_prefix())


@lru_cache(maxsize=256)
def _decoration(name: str, _prefix: str) -> SafeString:
    """Kept: a page of sessions has two hundred, and the address of a static file differs by prefix alone."""
    href = f"{static('icons.svg')}#{name}"
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}"></use></svg>', href)


@register.simple_tag
def key(action: str) -> SafeString:
    """The key of an action, as its button shows it. Scripts rewrite it when the person has another one."""
    return format_html('<kbd data-key-of="{}" aria-hidden="true">{}</kbd>', action, BY_ID[action].key)


@register.filter
def ago(value: datetime | float | None) -> str:
    """How long ago a time was (a datetime, or Unix seconds), in its largest unit: "2 s ago". Empty for None."""
    if value is None:
        return ""
    at = value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
    seconds = (timezone.now() - at).total_seconds()
    return _("%(duration)s ago") % {"duration": duration(seconds)} if seconds >= 1 else _("just now")


@register.filter
def duration(seconds: float | None) -> str:
    """A length of time in its largest whole unit: "40 s", "3 min", "2 h", "5 days". Empty for None."""
    if seconds is None:
        return ""
    whole = max(0, int(seconds))
    if whole < 60:
        return _("%(n)d s") % {"n": whole}
    if whole < 3600:
        return _("%(n)d min") % {"n": whole // 60}
    if whole < 86_400:
        return _("%(n)d h") % {"n": whole // 3600}
    return ngettext("%(n)d day", "%(n)d days", whole // 86_400) % {"n": whole // 86_400}


@register.filter
def figure(value: int) -> str:
    """A whole number with the separators of the language: "12,345"."""
    return str(number_format(value, force_grouping=True))
