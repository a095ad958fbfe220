"""The URL paths of this app."""

from django.urls import path

from showgoals.exclusion_views import ExcludeView, IncludeView
from showgoals.own_contributions_view import OwnContributionsView
from showgoals.settlement.views import SettlementCsvView, SettlementView
from showgoals.token_view import SessionTokenView
from showgoals.views import GoalViewSet, SessionEndView, TimelineView

urlpatterns = [
    path("goals", GoalViewSet.as_view({"get": "list", "post": "create_new_goal"}), name="goals"),
    path("goals/<str:goal_id>", GoalViewSet.as_view({"get": "retrieve", "patch": "partial_update"}), name="goal"),
    path("goals/<str:goal_id>/cancel", GoalViewSet.as_view({"post": "cancel"}), name="cancel"),
    path("goals/<str:goal_id>/close", GoalViewSet.as_view({"post": "close"}), name="close"),
    path("goals/<str:goal_id>/start", GoalViewSet.as_view({"post": "start"}), name="start"),
    path("goals/<str:goal_id>/end", GoalViewSet.as_view({"post": "end"}), name="end"),
    path("goals/<str:goal_id>/extend", GoalViewSet.as_view({"post": "extend"}), name="extend"),
    path("goals/<str:goal_id>/contributions", GoalViewSet.as_view({"post": "contributions"}), name="contributions"),
    path("goals/<str:goal_id>/payers/<str:viewer_id>/exclude", ExcludeView.as_view(), name="exclude"),
    path("goals/<str:goal_id>/payers/<str:viewer_id>/include", IncludeView.as_view(), name="include"),
    path("goals/<str:goal_id>/settlement", SettlementView.as_view(), name="settlement"),
    path("goals/<str:goal_id>/settlement.csv", SettlementCsvView.as_view(), name="settlement-csv"),
    path("goals/<str:goal_id>/timeline", TimelineView.as_view(), name="timeline"),
    path("me/contributions", OwnContributionsView.as_view(), name="own-contributions"),
    path("sessions/<str:session_id>/end", SessionEndView.as_view(), name="session-end"),
    path("sessions/<str:session_id>/token", SessionTokenView.as_view(), name="session-token"),
]
