"""The edge: HTTP in, services called, HTTP out. Routes hold no SQL."""
