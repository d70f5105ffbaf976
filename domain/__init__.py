"""What may happen and what has happened. Pure: no clock, no random, no input or output, no HTTP."""
