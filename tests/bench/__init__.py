"""Speed beside raw limits (`make bench`). Prints a table and writes bench.json; no figure is a test assertion."""
