"""What survives: real processes killed under load, and beside it broken variants that the same checks must catch."""
