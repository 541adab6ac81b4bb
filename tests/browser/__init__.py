"""Browser tests: real Chromium, real gunicorn, a wire that can be cut."""
