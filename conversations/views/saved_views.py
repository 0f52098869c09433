"""Views of the sessions: the switcher, saving, renaming, sharing, starring, deleting with a way back.

Addresses carry what the list is asking (`q`, `assistant`, `view`), so that every answer leads back to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from conversations import saved_views
from conversations.models import Assistant, SavedView
from conversations.models.asking import MAX_NAME, MAX_QUERY
from conversations.pages import capped_count
from conversations.query import parse
from conversations.saved_views import BadQuery, NameTaken, View
from enterprise.audit import record
from enterprise.models import User
from enterprise.pages.guards import needs

from .asking import COUNT_CAP, Ask

MOST_COUNTED = 20  # views of a list, beside starred ones and starters


class ViewForm(forms.Form):
    """What a view is called, and for whom it is."""

    name = forms.CharField(label=_("Name"), max_length=MAX_NAME)
    shared = forms.BooleanField(label=_("Everybody in the team sees it"), required=False)
    q = forms.CharField(max_length=MAX_QUERY, required=False, widget=forms.HiddenInput)


def first_list(request: HttpRequest) -> str:
    """The address that a day begins with: trouble, or all sessions while nobody has any."""
    ask = Ask(request)
    query = saved_views.BY_KEY[saved_views.LANDING].query
    if ask.assistant and capped_count(ask.matching(parse(query).query), 0):
        return ask.list_url(query, view=saved_views.LANDING)
    return reverse("conversations:session-list")


@dataclass(frozen=True)
class ShownView:
    """A view in the switcher, with the address of its list."""

    view: View
    url: str
    is_current: bool


@needs("conversations.view")
@require_http_methods(["GET", "POST"])
def view_list(request: HttpRequest) -> HttpResponse:
    """All views of the assistant; POST saves what the list asks as a new one."""
    ask = Ask(request)
    return _create(request, ask) if request.method == "POST" else _list(request, ask)


@needs("conversations.view")
@require_GET
def view_new(request: HttpRequest) -> HttpResponse:
    """The form for a new view."""
    ask = Ask(request)
    name = ask.view.name if ask.view and ask.view.saved else ""
    return _form(request, ask, ViewForm(initial={"q": ask.text, "name": name}))


@needs("conversations.view")
@require_GET
def view_counts(request: HttpRequest) -> HttpResponse:
    """How many sessions each view has, up to the cap: one statement for each, and so only for those one looks at first."""
    ask = Ask(request)
    counts = [
        (
            view,
            capped_count(ask.matching(parse(view.query).query), COUNT_CAP)
            if view.is_starred or view.saved is None or place < MOST_COUNTED
            else None,
        )
        for place, view in enumerate(_views(ask))
    ]
    return render(request, "conversations/_views_counts.html", {"ask": ask, "counts": counts})


@needs("conversations.view")
@require_POST
def view_save(request: HttpRequest, pk: int) -> HttpResponse:
    """Let the view mean what the list asks now; somebody else's becomes a private copy."""
    ask, saved = Ask(request), _saved(request, pk)
    query = request.POST.get("q", ask.text).strip()[:MAX_QUERY]
    try:
        saved, is_copy = saved_views.change(_person(request), saved, query=query)
    except BadQuery as error:
        messages.error(request, str(error))
        return _to(request, ask.list_url(query))
    record(request, "view.create" if is_copy else "view.change", saved.name, id=saved.pk, query=query[:500])
    if is_copy:
        text = gettext("That view is somebody else's: you have a copy of your own now, “%(name)s”.")
    else:
        text = gettext("“%(name)s” is saved.")
    messages.success(request, text % {"name": saved.name})
    return _to(request, ask.list_url(query, view=str(saved.pk)))


@needs("conversations.view")
@require_POST
def view_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Another name, shared or not."""
    ask, saved = Ask(request), _saved(request, pk, to_change=True)
    form = ViewForm(request.POST)
    problem = ""
    if form.is_valid():
        name, shared = form.cleaned_data["name"], form.cleaned_data["shared"]
        try:
            saved_views.change(_person(request), saved, name=name, shared=shared)
            record(request, "view.change", name, id=saved.pk, shared=shared)
        except NameTaken as error:
            problem = str(error)
    else:
        problem = " ".join(str(error) for errors in form.errors.values() for error in errors)
    return _list(request, ask, wrong=pk if problem else None, problem=problem)


@needs("conversations.view")
@require_POST
def view_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a view away; the notice brings it back."""
    ask, saved = Ask(request), _saved(request, pk, to_change=True)
    saved_views.delete(saved)
    record(request, "view.delete", saved.name, id=saved.pk)
    return _list(request, ask, news=gettext("“%(name)s” is deleted.") % {"name": saved.name}, gone=saved)


@needs("conversations.view")
@require_POST
def view_restore(request: HttpRequest, pk: int) -> HttpResponse:
    """Undo a deletion."""
    ask, saved = Ask(request), _saved(request, pk, to_change=True, is_deleted=True)
    try:
        saved_views.restore(saved)
        record(request, "view.restore", saved.name, id=saved.pk)
        news = gettext("“%(name)s” is back.") % {"name": saved.name}
    except NameTaken as error:
        news = str(error)
    return _list(request, ask, news=news)


@needs("conversations.view")
@require_POST
def view_star(request: HttpRequest, key: str) -> HttpResponse:
    """Put a view first in one's own list (`on=1`), or no longer (`on=0`)."""
    ask = Ask(request)
    view = saved_views.find(_person(request), _assistant(ask), key)
    if view is None:
        raise Http404(gettext("There is no such view."))
    saved_views.star(_person(request), view, on=request.POST.get("on") == "1")
    return _list(request, ask)


def _create(request: HttpRequest, ask: Ask) -> HttpResponse:
    form = ViewForm(request.POST)
    if not form.is_valid():
        return _form(request, ask, form)
    name, query, shared = (form.cleaned_data[field] for field in ("name", "q", "shared"))
    try:
        saved = saved_views.create(_person(request), _assistant(ask), name, query.strip(), shared=shared)
    except NameTaken as error:
        form.add_error("name", str(error))
        return _form(request, ask, form)
    except BadQuery as error:
        form.add_error("q", str(error))
        return _form(request, ask, form)
    record(request, "view.create", saved.name, id=saved.pk, query=query[:500], shared=shared)
    messages.success(request, gettext("“%(name)s” is saved.") % {"name": saved.name})
    return _to(request, ask.list_url(saved.query, view=str(saved.pk)))


def _form(request: HttpRequest, ask: Ask, form: ViewForm) -> HttpResponse:
    part = "_views_form.html" if getattr(request, "htmx", False) else "views_new.html"
    status = 422 if form.is_bound else 200
    return render(request, f"conversations/{part}", {"ask": ask, "form": form}, status=status)


def _list(request: HttpRequest, ask: Ask, **more: Any) -> HttpResponse:
    current = ask.view.key if ask.view else ""
    shown = [
        ShownView(view, ask.list_url(view.query, view=view.key), view.key == current) for view in _views(ask)
    ]
    part = "_views.html" if getattr(request, "htmx", False) else "views.html"
    context = {"ask": ask, "views": shown, "max_name": MAX_NAME, **more}
    answer = render(request, f"conversations/{part}", context)
    answer["HX-Trigger-After-Settle"] = "views-shown"  # now the counts may come
    return answer


def _views(ask: Ask) -> list[View]:
    return saved_views.views_of(cast("User", ask.user), ask.assistant) if ask.assistant else []


def _to(request: HttpRequest, url: str) -> HttpResponse:
    if getattr(request, "htmx", False):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return redirect(url)


def _person(request: HttpRequest) -> User:
    return cast("User", request.user)


def _assistant(ask: Ask) -> Assistant:
    if ask.assistant is None:
        raise Http404(gettext("There is no assistant with sessions yet."))
    return ask.assistant


def _saved(request: HttpRequest, pk: int, *, to_change: bool = False, is_deleted: bool = False) -> SavedView:
    """The saved view, if this person may see it. Raises Http404, and PermissionDenied where it may not be changed."""
    saved = saved_views.saved(_person(request), pk, is_deleted=is_deleted)
    if saved is None:
        raise Http404(gettext("There is no such view."))
    if to_change and not saved_views.may_change(_person(request), saved):
        raise PermissionDenied
    return saved
