"""Skipping of nodes whose result could not differ.

A node is skipped when its *recipe* (code, parameters, contents of inputs, catalog
settings, package versions) is the one recorded in the *receipt* beside its outputs,
and the outputs still have the recorded contents. ``SESSION_CLASS = CachingSession`` in
``settings.py`` switches it on. Nothing here knows the project it serves: the package
can be copied into any Kedro project.
"""
