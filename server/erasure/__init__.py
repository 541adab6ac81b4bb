"""Erasing personal records: who may, what goes along, what is due by the town's own periods (P-43, ADR 0019).

Owns the decision and its trace; carrying it out in log and feed is `server.ledger.erase`, taking the bytes of photos away is here.
Sources: 个人信息保护法 Art. 47 (erasure on request, when the purpose is reached, when the period is over), Art. 19 (no longer than needed).
"""
