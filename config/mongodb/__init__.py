"""MongoDB's backend for Django, with two faults of its query compiler mended."""
