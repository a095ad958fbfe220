"""The recording of a show: its state, the checks of what BytePlus says, the tasks, BytePlus' callbacks."""
