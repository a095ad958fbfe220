"""The recording of a show: its state, the decisions on BytePlus' responses, the tasks, and BytePlus' callbacks."""
