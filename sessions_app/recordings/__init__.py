"""The recording of a show: its state, the decisions about it, its tasks, and BytePlus' callbacks."""
