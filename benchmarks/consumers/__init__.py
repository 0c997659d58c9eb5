"""Who reads the exports: one file a trainer, each with one optimisation step and its own account of the loss.

A consumer gives an export's rows to the real trainer for one step on the embedded model and computes the same loss
a second time: from the rows, with its own masks and its own formula, over a plain forward pass in float64 of one
sequence at a time. Nothing of that second way is the trainer's. These modules import torch and TRL.
"""
