"""What `benchmarks/sessions.py` is made of: a person who debugs at random, the ways to die, and what must hold.

The person writes into a ledger of its own what a session acknowledged, after every action and on disk, so that the
session is never its own witness. Nodes and the model write there what they execute.
"""
