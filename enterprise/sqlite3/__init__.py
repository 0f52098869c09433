"""Django's SQLite backend with a fairer queue of writers; the name ends in sqlite3, as Django and our settings expect."""
