"""The machinery that runs Forsa: settings, wiring, recorder, command line. Only entry points import it."""
