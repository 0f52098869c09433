"""Judging a session: small answers in JSON, each a sentence to announce and the session as it is now."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from conversations.opinions import marking, reviewing
from conversations.opinions.choices import choices
from conversations.opinions.deeds import Conflict, Done, Refused, undo
from conversations.opinions.state import state
from enterprise.pages.guards import needs

from .sessions import visible_session

Judge = Callable[..., Done]


def _judged(judge: Judge) -> Callable[..., JsonResponse]:
    """A view for judge(request, …): 200 with what became of it, 400 for what cannot be, 409 when it was changed since."""

    @needs("conversations.judge")
    @require_POST
    @wraps(judge)
    def view(request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
        try:
            request.deed_key = _key(request)  # type: ignore[attr-defined]
            done = judge(request, *args, **kwargs)
        except Refused as refusal:
            return JsonResponse({"said": str(refusal)}, status=400)
        except Conflict as conflict:
            return JsonResponse({"said": str(conflict), "conflict": conflict.found}, status=409)
        deed = done.deed
        return JsonResponse(
            {
                "deed": deed.pk if deed else None,
                "kind": deed.kind if deed else "",
                "said": done.said,
                "session": state(done.session, request.user),
            }
        )

    return view  # type: ignore[return-value]


def _key(request: HttpRequest) -> UUID | None:
    """`key`, a UUID: what comes again under it is answered again, and done once. Raises Refused."""
    text = request.POST.get("key", "")
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Refused(_("“%(name)s” must be a UUID.") % {"name": "key"}) from None


def _number(request: HttpRequest, name: str) -> int | None:
    """A parameter that is an id. Raises Refused."""
    text = request.POST.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Refused(_("“%(name)s” must be a number.") % {"name": name})
    return int(text)


def _needed(request: HttpRequest, name: str) -> int:
    found = _number(request, name)
    if found is None:
        raise Refused(_("“%(name)s” must be a number.") % {"name": name})
    return found


@_judged
def review(request: HttpRequest, pk: int) -> Done:
    """{verdict: reviewed|well|broke, watermark, turn?, reason?}"""
    return reviewing.review(
        request,
        pk,
        request.POST.get("verdict", "reviewed"),
        _needed(request, "watermark"),
        turn=_number(request, "turn"),
        reason=_number(request, "reason"),
    )


@_judged
def unreview(request: HttpRequest, pk: int) -> Done:
    """{seen: id of the newest review on the screen, force?}"""
    is_forced = request.POST.get("force", "") == "1"
    return reviewing.unreview(request, pk, seen=None if is_forced else _number(request, "seen") or 0)


@_judged
def later(request: HttpRequest, pk: int) -> Done:
    """{off?}"""
    return reviewing.later(request, pk, off=request.POST.get("off", "") == "1")


@_judged
def assign(request: HttpRequest, pk: int) -> Done:
    """{user: id, "me" or "", seen?}"""
    return reviewing.assign(request, pk, request.POST.get("user", ""), seen=request.POST.get("seen"))


@_judged
def tag(request: HttpRequest, pk: int) -> Done:
    """{value or tag, turn?}"""
    return marking.tag(
        request,
        pk,
        value=request.POST.get("value", ""),
        pk=_number(request, "tag"),
        turn=_number(request, "turn"),
    )


@_judged
def untag(request: HttpRequest, pk: int) -> Done:
    """{use}"""
    return marking.untag(request, pk, _needed(request, "use"))


@_judged
def flag(request: HttpRequest, pk: int) -> Done:
    """{turn, on: 1|0, what the screen shows from now on}; without `on`, the other than it is."""
    on = {"1": True, "0": False}.get(request.POST.get("on", ""))
    return marking.flag(request, pk, _needed(request, "turn"), on=on)


@_judged
def note(request: HttpRequest, pk: int) -> Done:
    """{text, turn?}"""
    return marking.note(request, pk, request.POST.get("text", ""), turn=_number(request, "turn"))


@_judged
def note_edit(request: HttpRequest, pk: int) -> Done:
    """{note, text}"""
    return marking.edit_note(request, pk, _needed(request, "note"), request.POST.get("text", ""))


@_judged
def note_delete(request: HttpRequest, pk: int) -> Done:
    """{note}"""
    return marking.delete_note(request, pk, _needed(request, "note"))


@_judged
def correct(request: HttpRequest, pk: int) -> Done:
    """{turn, intent, entities?, seen?}"""
    return marking.correct(
        request,
        pk,
        _needed(request, "turn"),
        request.POST.get("intent", ""),
        entities=request.POST.get("entities") or None,
        seen=request.POST.get("seen"),
    )


@_judged
def uncorrect(request: HttpRequest, pk: int) -> Done:
    """{turn}"""
    return marking.uncorrect(request, pk, _needed(request, "turn"))


@_judged
def undo_deed(request: HttpRequest) -> Done:
    """{deed?, force?}: the answer's session is where the deed was done."""
    return undo(request, deed_id=_number(request, "deed"), force=request.POST.get("force", "") == "1")


@needs("conversations.judge")
@require_POST
def seen(request: HttpRequest, pk: int) -> JsonResponse:
    """{watermark}: how far this person has read. Never set by a GET."""
    session = visible_session(request, pk)
    try:
        upto = reviewing.mark_seen(request.user, session, _needed(request, "watermark"))
    except Refused as refusal:
        return JsonResponse({"said": str(refusal)}, status=400)
    return JsonResponse({"seen": upto})


@needs("conversations.judge")
@require_POST
def claim(request: HttpRequest, pk: int) -> JsonResponse:
    """{}: this person has it open; who else has."""
    return JsonResponse({"by": reviewing.claim(request.user, visible_session(request, pk))})


@needs("conversations.judge")
@never_cache
@require_GET
def choices_for(request: HttpRequest, pk: int) -> JsonResponse:
    """?for=tag|reason|intent|assign, with ?turn= for an intent: what a popover offers."""
    turn = request.GET.get("turn", "")
    number = int(turn) if turn.isascii() and turn.isdigit() and len(turn) < 19 else None
    found = choices(request.GET.get("for", ""), visible_session(request, pk), request.user, turn=number)
    if found is None:
        return JsonResponse({"said": _("There is nothing to choose.")}, status=400)
    return JsonResponse({"items": found})
