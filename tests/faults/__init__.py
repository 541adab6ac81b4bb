"""Real faults against real processes."""
