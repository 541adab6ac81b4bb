"""The demo town: deterministic, a valid coverage, nobody real, every op accepted."""
