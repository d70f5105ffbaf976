"""Tests of what reads and writes Kafka, against a real broker."""
