"""HTTP: parse, authorise, call, render. Nothing here decides; status codes stand in `problems.py` alone."""
