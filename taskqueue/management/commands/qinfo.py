from taskqueue.management.refused import RefusedCommand


class Command(RefusedCommand):
    """Refuses `qinfo`."""
