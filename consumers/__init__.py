"""Long-running readers and writers of Kafka. Imports projections and domain; the only package that imports kafka."""
