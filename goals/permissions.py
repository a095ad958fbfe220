"""Which goals the caller of a view may see or change."""

from django.contrib.auth.models import User
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound

from api.access import OWNER, STAFF, Role, Roles, caller, caller_id, roles_of_call
from api.fields import id_or_404
from api.models import Scope
from api.views import ApiView
from config.errors import raises
from goals.errors import GoalNotFound
from goals.models import Goal
from mongodb.documents import fetch

NAMES_SESSION = Role("others with `session_id`", scope=Scope.READ)
THAT_VIEWER = Role("that viewer")
VIEW = "goals.view_goal"


@raises(GoalNotFound)
def permitted_goal(view: ApiView, goal_id: str, *, session_id: str | None = None, viewer_id: str = "") -> Goal:
    """Return the goal. Raise GoalNotFound if it does not exist, or if the caller may not see it."""
    goals = permitted_goals(view, session_id=session_id, viewer_id=viewer_id)
    found = fetch(goals.filter(pk=id_or_404(goal_id)))
    if not found:
        raise GoalNotFound(goal_id=goal_id)
    return found[0]


def permitted_goals(view: ApiView, *, session_id: str | None = None, viewer_id: str = "") -> QuerySet[Goal]:
    """Return the goals that the caller may see in this call.

    The roles that may make the call are tested in the order of the code below. The first role that fits the caller
    decides the result. `session_id` and `viewer_id` come from the request.
    """
    roles, request = roles_of_call(view), view.request
    if _is_staff_in(roles, caller(request)):
        return Goal.objects.all()
    if THAT_VIEWER in roles and id_or_404(viewer_id) == caller_id(request):
        return Goal.objects.all()
    if NAMES_SESSION in roles and session_id:
        return Goal.objects.filter(conditions__session_id=session_id.lower())
    if OWNER in roles:
        return Goal.objects.filter(metadata__user_id=caller_id(request))
    return Goal.objects.none()


@raises(NotFound)
def check_staff(view: ApiView) -> None:
    """Raise NotFound unless the caller has one of the call's roles for staff.

    Views use this check in calls that only staff may make.
    """
    if not _is_staff_in(roles_of_call(view), caller(view.request)):
        raise NotFound


def _is_staff_in(roles: Roles, user: User) -> bool:
    """Tell whether the user is staff with the permission of one of the roles.

    The role STAFF needs the same permission as the admin's pages of goals.
    """
    needed = [role.permission or VIEW for role in roles if role.permission or role == STAFF]
    return user.is_staff and any(user.has_perm(permission) for permission in needed)
