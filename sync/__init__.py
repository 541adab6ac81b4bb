"""Protocol and merge core of Xun'an: standard library only, no I/O, no clock, no randomness."""
