"""What is measured, each by `python -m benchmarks NAME`. A name is a module of this folder.

A benchmark has `configure(parser)`, which adds its own arguments, and `run(args)`, which measures and gives plain
data; `args.quick` asks for a small run. With `render(result)` (Markdown) the full run writes its part of
`docs/results.md`. Progress goes to standard error; the last line of standard output is the result as JSON.
"""
