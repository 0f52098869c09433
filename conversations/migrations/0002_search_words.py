"""Where words are searched: a tsvector column on PostgreSQL, an FTS5 table on SQLite.

The store writes lexemes and positions itself (`conversations.tokens`), so that both databases find the same.
"""

from django.db import migrations

POSTGRESQL = [
    "ALTER TABLE conversations_searchchunk ADD COLUMN vector tsvector NOT NULL DEFAULT ''",
    "CREATE INDEX search_words ON conversations_searchchunk USING gin (vector)",
]
SQLITE = [
    # Every category but separators is part of a word: our tokens are already cut, a space stands between them.
    "CREATE VIRTUAL TABLE conversations_searchwords USING fts5("
    "words, tokenize = \"unicode61 remove_diacritics 0 categories 'L* M* N* P* S* Co'\")",
    "CREATE TRIGGER search_words_go AFTER DELETE ON conversations_searchchunk BEGIN "
    "DELETE FROM conversations_searchwords WHERE rowid = old.id; END",
]
BACK = {
    "postgresql": [
        "DROP INDEX search_words",
        "ALTER TABLE conversations_searchchunk DROP COLUMN vector",
    ],
    "sqlite": ["DROP TRIGGER search_words_go", "DROP TABLE conversations_searchwords"],
}


def forwards(apps, schema_editor):
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement)


def backwards(apps, schema_editor):
    for statement in BACK[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("conversations", "0001_initial")]

    operations = [migrations.RunPython(forwards, backwards)]
