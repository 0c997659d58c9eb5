"""What `benchmarks/kills.py` is made of: work to interrupt, ways to kill it, and what must hold afterwards.

A *campaign* is one store that is written, killed, resumed, killed again, until it is finished. Children write what
the store acknowledged into a ledger of their own, so that the store is never its own witness.
"""
