"""A typhoon's return: many handhelds come back within a minute, each with what it recorded."""
