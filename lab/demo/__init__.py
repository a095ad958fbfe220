"""The demo: the main job from end to end, with real processes, real HTTP and the real backends."""
