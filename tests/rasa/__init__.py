"""A real Rasa for end-to-end tests."""
