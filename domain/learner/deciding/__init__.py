"""What may happen to a learner: one decide function a command, with the command's table row beside it."""
