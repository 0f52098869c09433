"""What every request passes through."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

type_ = Callable[[HttpRequest], HttpResponse]


class _PassThrough:
    def __init__(self, get_response: type_) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)


class ContentSecurityPolicy(_PassThrough):
    pass


class SchemaGate(_PassThrough):
    pass


class PersonTimeZone(_PassThrough):
    pass
