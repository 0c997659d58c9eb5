"""The engines, one file each: vLLM in process, transformers, a server over HTTP, a script.

Nobody imports from here; `tutelage.agents.connection` chooses and starts them.
"""
