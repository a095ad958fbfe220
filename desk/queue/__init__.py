"""The queue and the failed tasks in the admin: what waits and what was given up, in groups, by task and by show."""
