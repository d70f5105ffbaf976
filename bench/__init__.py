"""Speed, measured against raw PostgreSQL and the stock library in the same run. `make bench` prints the table."""
