"""Other people's evaluation harnesses: our policies and graphs as their models, our tasks and verifiers as theirs.

lm-evaluation-harness (EleutherAI) and Inspect (UK AI Security Institute). Their packages are imported only by the
modules that they load. `Subject` is what both adapters ask; the rest of this package is called by the harnesses.
"""
