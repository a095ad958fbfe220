"""Which goals a caller may see or change by the call that is being answered."""

from django.db.models import QuerySet

from api.caller import caller, caller_id
from api.fields import id_or_404
from api.permissions import Role, roles_of_call
from api.views import ApiView
from config.errors import raises
from goals.errors import GoalNotFound
from goals.models import Goal


@raises(GoalNotFound)
def permitted_goal(view: ApiView, goal_id: str) -> Goal:
    """Return the goal. One that the caller may not see is not found."""
    goal = permitted_goals(view).filter(pk=id_or_404(goal_id)).first()
    if goal is None:
        raise GoalNotFound(goal_id=goal_id)
    return goal


def permitted_goals(view: ApiView) -> QuerySet[Goal]:
    """Return the goals for the first role, in this order, that the call allows and the caller has."""
    roles, request = roles_of_call(view), view.request
    if Role.STAFF in roles and caller(request).is_staff:
        return Goal.objects.all()
    if Role.THAT_VIEWER in roles and id_or_404(view.kwargs["viewer_id"]) == caller_id(request):
        return Goal.objects.all()
    session_id = request.query_params.get("session_id")
    if Role.NAMES_SESSION in roles and session_id:
        return Goal.objects.filter(conditions__session_id=session_id.lower())
    if Role.OWNER in roles:
        return Goal.objects.filter(metadata__user_id=caller_id(request))
    return Goal.objects.none()
