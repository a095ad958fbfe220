"""`/webhook-endpoints`: the addresses at which partners' servers are called with each event."""

from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.access import Role, caller
from api.audit import author
from api.fields import ObjectIdField, StrictBooleanField, StrictCharField, UnixSecondsField, id_or_404
from api.idempotency import respond_once
from api.models import Scope
from api.serializers import AnswerSerializer, NoFields, OptionalBody, StrictSerializer
from api.views import ApiView
from config import clock
from config.errors import raises
from goals.permissions import check_staff
from mongodb.transactions import run_in_transaction
from webhooks.addresses import is_allowed
from webhooks.endpoints import (
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    find_endpoint,
    redeliver,
    redeliver_untaken,
    send_test,
)
from webhooks.event_list import TYPES
from webhooks.models import Attempt, DisabledReason, Endpoint
from webhooks.signing import secret_of

STAFF_WHO_MANAGE = Role(
    "staff with *change webhook endpoint*", permission="webhooks.change_endpoint", scope=Scope.WEBHOOKS
)
URL_LENGTH = 500
WRONG_URL = _("Must be an https address in ASCII, without a user name, spaces or a fragment.")


def check_url(value: str) -> None:
    """Raise ValidationError unless an endpoint may have the address."""
    if not is_allowed(value):
        raise ValidationError([ErrorDetail(str(WRONG_URL), "invalid_url")])


class EndpointBody(StrictSerializer):
    """`POST /webhook-endpoints`."""

    url = StrictCharField(max_length=URL_LENGTH, validators=[check_url])
    types = serializers.ListField(child=serializers.ChoiceField(choices=TYPES), required=False, max_length=len(TYPES))
    enabled = StrictBooleanField(required=False)


class EndpointChangeBody(StrictSerializer):
    """`PATCH /webhook-endpoints/{id}`."""

    url = StrictCharField(max_length=URL_LENGTH, validators=[check_url], required=False)
    types = serializers.ListField(child=serializers.ChoiceField(choices=TYPES), required=False, max_length=len(TYPES))
    enabled = StrictBooleanField(required=False)
    rotate_secret = StrictBooleanField(required=False)


class RedeliverEventBody(OptionalBody):
    """`POST /webhook-endpoints/{id}/redeliver`."""

    event_id = ObjectIdField(required=False)


class EndpointSerializer(AnswerSerializer):
    """An endpoint in an answer."""

    id = ObjectIdField(source="pk", read_only=True)
    url = serializers.CharField(read_only=True)
    types = serializers.ListField(child=serializers.ChoiceField(choices=TYPES), read_only=True)
    enabled = serializers.BooleanField(read_only=True)
    disabled_reason = serializers.ChoiceField(choices=DisabledReason.values, read_only=True, allow_null=True)
    failing_since = UnixSecondsField(allow_null=True)
    created_at = UnixSecondsField()


class EndpointWithSecretSerializer(EndpointSerializer):
    """An endpoint with its secret, which is null if the answer does not show it."""

    secret = serializers.CharField(read_only=True, allow_null=True)


class AttemptSerializer(AnswerSerializer):
    """A call to an endpoint, as answers show it."""

    id = ObjectIdField(source="pk", read_only=True)
    event_id = ObjectIdField(read_only=True)
    type = serializers.CharField(read_only=True)
    number = serializers.IntegerField(read_only=True)
    created_at = UnixSecondsField()
    status = serializers.IntegerField(read_only=True, allow_null=True)
    error: Any = serializers.CharField(read_only=True)
    duration_ms = serializers.IntegerField(read_only=True)
    answer = serializers.CharField(read_only=True)


class EndpointsView(ApiView):
    """`GET` and `POST /webhook-endpoints`."""

    access = {"get": (STAFF_WHO_MANAGE,), "post": (STAFF_WHO_MANAGE,)}
    queryset = Endpoint.objects.none()  # only names the model

    @raises(check_staff)
    def get(self, request: Request) -> Response:
        """List the endpoints.

        The newest come first, and the secrets are left out. `failing_since` says since when no call has been taken. An
        endpoint that fails for three days, or answers 410, is disabled, and `disabled_reason` says why.
        """
        del request
        check_staff(self)
        page = self.page_of(Endpoint.objects.all())
        return self.get_paginated_response(EndpointSerializer(page, many=True).data)

    @raises(check_staff, respond_once, create_endpoint)
    def post(self, request: Request) -> Response:
        """Add an endpoint.

        From now on, each event of the `types` is posted to the address. Without `types`, all events are posted. The
        calls follow the Standard Webhooks specification: verify `webhook-signature` with the `secret`, which is shown
        only here, and ignore a call whose `webhook-id` you have seen before. Answer with 2xx within a second.
        Otherwise, the call is repeated for up to three days. The address must begin with `https://`.
        """
        check_staff(self)
        body = EndpointBody(data=request.data)
        body.is_valid(raise_exception=True)
        asked = {"types": [], "enabled": True, **body.validated_data}

        def effect() -> Any:
            made = create_endpoint(**asked, by=author(caller(request)), now=clock.now())
            return dict(EndpointSerializer(made).data)

        answer = respond_once(request, effect)
        # The response is stored for repeated requests. The secret must not be stored, so it is added only here.
        answer.data["secret"] = secret_of(find_endpoint(answer.data["id"]).seed)
        return answer


class EndpointView(ApiView):
    """`PATCH` and `DELETE /webhook-endpoints/{id}`."""

    access = {"patch": (STAFF_WHO_MANAGE,), "delete": (STAFF_WHO_MANAGE,)}

    @raises(check_staff, change_endpoint)
    def patch(self, request: Request, endpoint_id: str) -> Response:
        """Change an endpoint.

        `rotate_secret` gives the endpoint another secret, which the answer shows. For 24 hours, calls are also signed
        with the former secret. An endpoint that is enabled again is sent the events that are published from
        then on, and the events that failed before it was disabled. Read the events in between from `GET /events`.
        """
        check_staff(self)
        body = EndpointChangeBody(data=request.data)
        body.is_valid(raise_exception=True)
        changes = dict(body.validated_data)
        rotate = changes.pop("rotate_secret", False)
        pk = id_or_404(endpoint_id)
        how: Any = {"rotate": rotate, "by": author(caller(request)), "now": clock.now()}
        changed = run_in_transaction(lambda: change_endpoint(pk, changes, **how))
        secret = secret_of(changed.seed) if rotate else None
        return Response({**EndpointSerializer(changed).data, "secret": secret})

    @raises(check_staff, delete_endpoint)
    def delete(self, request: Request, endpoint_id: str) -> Response:
        """Delete an endpoint.

        Nothing more is sent to the endpoint, not even the events that failed before.
        """
        check_staff(self)
        pk, by = id_or_404(endpoint_id), author(caller(request))
        run_in_transaction(lambda: delete_endpoint(pk, by=by))
        return Response(status=HTTPStatus.NO_CONTENT)


class EndpointTestView(ApiView):
    """`POST /webhook-endpoints/{id}/test`."""

    access = {"post": (STAFF_WHO_MANAGE,)}

    @raises(check_staff, send_test)
    def post(self, request: Request, endpoint_id: str) -> Response:
        """Send a test.

        Within about a second, sends an event of the type `endpoint.test`, which is not in the list of events. The
        endpoint's attempts show the result.
        """
        check_staff(self)
        NoFields(data=request.data).is_valid(raise_exception=True)
        pk, by, now = id_or_404(endpoint_id), author(caller(request)), clock.now()
        return Response({"event_id": run_in_transaction(lambda: send_test(pk, by=by, now=now))})


class EndpointRedeliverView(ApiView):
    """`POST /webhook-endpoints/{id}/redeliver`."""

    access = {"post": (STAFF_WHO_MANAGE,)}

    @raises(check_staff, redeliver, redeliver_untaken)
    def post(self, request: Request, endpoint_id: str) -> Response:
        """Send events again.

        With `event_id`, sends that event, even if the endpoint has taken it. With `{}`, sends all events that the
        endpoint has not taken, including those that were given up. The events keep their `webhook-id`. In the
        answer, `events` is the number of these events.
        """
        check_staff(self)
        body = RedeliverEventBody(data=request.data)
        body.is_valid(raise_exception=True)
        event_id = body.validated_data.get("event_id")
        pk, by, now = id_or_404(endpoint_id), author(caller(request)), clock.now()
        if event_id is None:
            return Response({"events": run_in_transaction(lambda: redeliver_untaken(pk, by=by, now=now))})
        run_in_transaction(lambda: redeliver(pk, event_id, by=by, now=now))
        return Response({"events": 1})


class AttemptsView(ApiView):
    """`GET /webhook-endpoints/{id}/attempts`."""

    access = {"get": (STAFF_WHO_MANAGE,)}
    queryset = Attempt.objects.none()  # only names the model

    @raises(check_staff, find_endpoint)
    def get(self, request: Request, endpoint_id: str) -> Response:
        """List the attempts.

        Lists the calls to an endpoint in the last 30 days, newest first. Each has the status and the first bytes of the
        answer, or an error.
        """
        del request
        check_staff(self)
        endpoint = find_endpoint(id_or_404(endpoint_id))
        page = self.page_of(Attempt.objects.filter(endpoint_id=endpoint.pk))
        return self.get_paginated_response(AttemptSerializer(page, many=True).data)
