"""Who is meant by @name in a note."""

import re

from django.db.models.functions import Lower

from conversations.models import Mention, Note
from conversations.tokens import words
from enterprise.access import may
from enterprise.models import User

MOST = 50  # names in one note that are looked up
_NAME = re.compile(r"(?<![\w@])@([\w.@+-]{1,150})")
_PUNCTUATION = ".-+@_"


def named(text: str) -> list[str]:
    """What may be names after @, in small letters; of "@ana." both "ana." and "ana"."""
    found: dict[str, None] = {}
    for match in _NAME.finditer(text):
        name = match[1].lower()
        found[name] = None
        while name and name[-1] in _PUNCTUATION:
            name = name[:-1]
            found[name] = None
    return [name for name in found if name][:MOST]


def mention(note: Note) -> list[User]:
    """Let a note mention those whom its text names and who may read it; also its search words. Returns them."""
    note.words = f" {' '.join(found)} " if (found := words(note.text)) else ""
    note.save(update_fields=["words"])
    people = User.objects.annotate(small=Lower("username")).filter(small__in=named(note.text), is_active=True)
    readers: list[User] = [
        person for person in people.order_by("username") if may(person, "conversations.view")
    ]
    Mention.objects.filter(note=note).exclude(user__in=readers).delete()
    Mention.objects.bulk_create(
        [Mention(note=note, user=person) for person in readers], ignore_conflicts=True
    )
    return readers
