"""The queue and the failed tasks in the admin, in groups by task and by show."""
