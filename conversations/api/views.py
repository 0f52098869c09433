"""`/api/views`: queries with a name, the same as in the switcher of the sessions page."""

from typing import Any, cast

from django.db import transaction
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations import saved_views
from conversations.api import shapes
from conversations.api.scope import assistant_of
from conversations.models import SavedView
from conversations.models.asking import MAX_NAME, MAX_QUERY
from conversations.saved_views import BadQuery, NameTaken, View
from enterprise.api.errors import Failure
from enterprise.audit import record
from enterprise.models import User


class ViewRow(s.Serializer):
    """A view. `id` is the number of a saved one, or the name of one of the six that everybody has."""

    id = s.CharField()
    name = s.CharField()
    query = s.CharField()
    kind = s.ChoiceField(["starter", "own", "shared"])
    is_shared = s.BooleanField()
    is_starred = s.BooleanField()
    owner = s.CharField(allow_null=True)


class NewView(s.Serializer):
    """A view to save."""

    name = s.CharField(max_length=MAX_NAME)
    query = s.CharField(max_length=MAX_QUERY, allow_blank=True)
    is_shared = s.BooleanField(default=False)


class ChangedView(s.Serializer):
    """What is to change of a view; the rest stays."""

    name = s.CharField(max_length=MAX_NAME, required=False)
    query = s.CharField(max_length=MAX_QUERY, allow_blank=True, required=False)
    is_shared = s.BooleanField(required=False)


class Views(APIView):
    """The views of an assistant."""

    category = "conversations.view"

    @extend_schema(
        operation_id="views_list",
        parameters=[shapes.PROJECT],
        responses={200: ViewRow(many=True), **shapes.ERRORS},
    )
    def get(self, request: Request) -> Response:
        """The six that everybody has, one's own, and those that colleagues share; starred ones first."""
        assistant = assistant_of(request)
        views = saved_views.views_of(_person(request), assistant) if assistant else []
        return Response([_row(view) for view in views])

    @extend_schema(
        operation_id="views_create",
        parameters=[shapes.PROJECT],
        request=NewView,
        responses={201: ViewRow, 409: shapes.Mistake, **shapes.ERRORS},
    )
    def post(self, request: Request) -> Response:
        """Save a view. 409 when there is one of this name already, 400 for a query with a mistake."""
        assistant = assistant_of(request)
        if assistant is None:
            raise Failure(404, "UnknownProject", _("There is no assistant with sessions yet."))
        asked = _read(NewView(data=request.data))
        person = _person(request)
        with transaction.atomic(), _Refused():
            saved = saved_views.create(
                person, assistant, asked["name"], asked["query"], shared=asked["is_shared"]
            )
            record(
                request,
                "view.create",
                saved.name,
                id=saved.pk,
                query=saved.query[:500],
                shared=saved.is_shared,
            )
        return Response(_row(saved_views.seen(saved, person)), status=201)


class ViewDetail(APIView):
    """One saved view."""

    category = "conversations.view"

    @extend_schema(operation_id="views_retrieve", responses={200: ViewRow, **shapes.ERRORS})
    def get(self, request: Request, pk: int) -> Response:
        """Its name and query."""
        return Response(_row(saved_views.seen(_saved(request, pk), _person(request))))

    @extend_schema(
        operation_id="views_update",
        request=ChangedView,
        responses={200: ViewRow, 409: shapes.Mistake, **shapes.ERRORS},
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change it. Who may not change a shared view gets a private copy with the changes: its `id` is another."""
        person, saved = _person(request), _saved(request, pk)
        asked = _read(ChangedView(data=request.data, partial=True))
        with transaction.atomic(), _Refused():
            saved, is_copy = saved_views.change(
                person, saved, name=asked.get("name"), query=asked.get("query"), shared=asked.get("is_shared")
            )
            details = {"query": saved.query[:500], "shared": saved.is_shared}
            record(request, "view.create" if is_copy else "view.change", saved.name, id=saved.pk, **details)
        return Response(_row(saved_views.seen(saved, person)))

    @extend_schema(operation_id="views_destroy", responses={204: None, **shapes.ERRORS})
    def delete(self, request: Request, pk: int) -> Response:
        """Delete it, for everybody where it is shared."""
        saved = _saved(request, pk)
        if not saved_views.may_change(_person(request), saved):
            raise Failure(403, "PermissionDenied", _("This view is somebody else's."))
        with transaction.atomic():
            saved_views.delete(saved)
            record(request, "view.delete", saved.name, id=saved.pk)
        return Response(status=204)


class _Refused:
    """Says no in the words of the API."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, NameTaken):
            raise Failure(409, "NameTaken", str(error)) from error
        if isinstance(error, BadQuery):
            raise Failure(400, "InvalidQuery", str(error)) from error


def _read(body: s.Serializer) -> dict[str, Any]:
    body.is_valid(raise_exception=True)
    return cast("dict[str, Any]", body.validated_data)


def _person(request: Request) -> User:
    return cast("User", request.user)


def _saved(request: Request, pk: int) -> SavedView:
    saved = saved_views.saved(_person(request), pk)
    if saved is None:
        raise Failure(404, "UnknownView", _("There is no view %(id)d.") % {"id": pk})
    return saved


def _row(view: View) -> dict[str, Any]:
    saved = view.saved
    return {
        "id": view.key,
        "name": view.name,
        "query": view.query,
        "kind": "starter" if saved is None else "own" if view.is_mine else "shared",
        "is_shared": view.is_shared,
        "is_starred": view.is_starred,
        "owner": saved.owner.get_username() if saved and saved.owner else None,
    }
