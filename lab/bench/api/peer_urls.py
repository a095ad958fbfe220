"""The bare DRF view with which `bench api` compares the product.

It authenticates the caller, parses the body, and returns a fixed goal. Simple JWT's own class
authenticates the caller, and reads the user from MongoDB for each request.
"""

from django.urls import path, re_path
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication

GOAL = {
    "id": "6811c05bf672c8b2cbdc2432",
    "type": "show",
    "status": "scheduled",
    "active": True,
    "nbf": 1745993863,
    "exp": None,
    "access_exp": 1745993923,
    "activated_at": None,
    "levels": [{"title": "Proceed", "target": 60}],
    "progress": 0,
    "conditions": {"session_id": "6811bfd5d273022b46570ae5"},
    "context": {
        "type": "show",
        "funding_goal_id": "6811c05bf672c8b2cbdc2432",
        "session_id": "6811bfd5d273022b46570ae5",
        "ticket_product_id": "livestream-show-ticket_200",
        "ticket_product_type": "show",
        "show_goal_id": None,
        "started": None,
    },
    "metadata": {"user_id": "6811bfd5d273022b46570ae4"},
    "created_at": 1745993800,
}


class BareView(APIView):
    """DRF alone, with the parser, renderer and middleware of the product's settings."""

    authentication_classes = (JWTAuthentication,)
    permission_classes = (IsAuthenticated,)

    def get(self, _request: Request) -> Response:
        """Return the goal."""
        return Response(GOAL)

    def post(self, request: Request) -> Response:
        """Parse the body, and return the goal."""
        return Response(GOAL, status=201 if request.data else 400)


urlpatterns = [
    path("healthz", BareView.as_view(authentication_classes=(), permission_classes=())),
    re_path("", BareView.as_view()),
]
