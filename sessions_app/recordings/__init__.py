"""The recording of a show: its state, the checks of BytePlus' answers, the tasks, and the callbacks of BytePlus."""
