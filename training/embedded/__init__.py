"""How the embedded model is made: corpus, tokenizer, training from scratch, its own mistakes.

`python -m tutelage.training.embedded --out DIR` does all of it and continues where it was cut off.
"""
