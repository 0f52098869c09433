"""Pages of sessions: thin views over the query language, the list's pages and the transcript."""
