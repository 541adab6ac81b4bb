"""A seeded world of handhelds (modelled, or the real engine), a bad wire and the real server ledger, checked against an oracle (protocol 9)."""
