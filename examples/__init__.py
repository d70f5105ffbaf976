"""Programs for partners to copy: each is one file, and imports nothing of ours."""
