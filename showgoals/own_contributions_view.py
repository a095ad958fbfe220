"""`GET /me/contributions`: the caller's own payments."""

from rest_framework.request import Request
from rest_framework.response import Response

from api.access import SIGNED_IN, caller_id
from api.views import ApiView
from showgoals.models import Contribution
from showgoals.own_contributions import OwnContributionSerializer, own_contributions


class OwnContributionsView(ApiView):
    """`GET /me/contributions`."""

    access = {"get": (SIGNED_IN,)}
    queryset = Contribution.objects.none()  # only names the model

    def get(self, request: Request) -> Response:
        """List my payments.

        Lists the caller's own payments, newest first. `outcome` says what becomes of the money. `show` is the show that
        the payment is for, or null if there is none yet.
        """
        viewer_id = caller_id(request)
        paid = self.page_of(Contribution.objects.filter(viewer_id=viewer_id))
        rows = own_contributions(paid, viewer_id=viewer_id)
        return self.get_paginated_response(OwnContributionSerializer(rows, many=True).data)
