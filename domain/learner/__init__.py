"""A learner's whole path, one room per stage."""
