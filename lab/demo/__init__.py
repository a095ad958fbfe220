"""The demo: one show from end to end, with real processes, real HTTP and the real backends."""
