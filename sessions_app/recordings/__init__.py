"""The recording of a show: its state, the checks of BytePlus' responses, the tasks, and the callbacks of BytePlus."""
