from taskqueue.management.refused import RefusedCommand


class Command(RefusedCommand):
    """Refuses django-q's commands that cannot show our clusters."""
