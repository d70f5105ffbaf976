"""Invented people, places and papers: one example of every event and every command, and named states of the path.

Tests take these and change only what their sentence is about. All of it happens in season 2025, in the order of the
dates; `path.py` tells a learner's way, `places.py` what stands around it, `commands.py` the act behind each event.
"""
