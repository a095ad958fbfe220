"""The recording of a show: its state, the rules for its next step, its tasks, and BytePlus' callbacks."""
