"""The queue and the failed tasks in the admin, grouped by task, error and show."""
