"""What stands for a conversation in an address: `<sender:...>`, once this module is imported."""

from django.urls import register_converter
from django.urls.converters import PathConverter


class SenderConverter(PathConverter):
    """A sender's id: anything at all, slashes and line breaks included."""

    regex = "(?s:.+)"


register_converter(SenderConverter, "sender")
