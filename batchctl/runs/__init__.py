"""What happened in a run: collected from logs, objects and traces, here or on AWS, and told in several ways."""
