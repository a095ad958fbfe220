"""Endpoints and attempts in the admin: what was sent, with what result, and a way to send it again.

Endpoints are created with `POST /webhook-endpoints`, whose response shows the secret. The admin changes endpoints only
by actions.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from api.admin_site import may
from api.audit import Author, author
from api.chosen import chosen
from api.read_only_admin import ReadOnlyAdmin
from config import clock
from config.errors import ProductError
from mongodb.transactions import run_in_transaction
from webhooks.endpoints import change_endpoint, redeliver, redeliver_untaken, send_test
from webhooks.models import Attempt, Endpoint
from webhooks.words import error_in_words

NOTHING_WAITS = _("%(endpoint)s: nothing to send, because everything has been taken.")

# The function that an action calls with each row. It returns 0 if there was nothing to do.
Deed = Callable[..., object]


class WebhooksAdmin(ReadOnlyAdmin):
    """Read-only pages, with actions for staff who may change endpoints.

    An endpoint is deleted with `DELETE /webhook-endpoints/{id}`, which also deletes its deliveries. Attempts expire.
    """

    def has_manage_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may change endpoints."""
        return may(request, "webhooks.change_endpoint")

    def act(self, request: HttpRequest, rows: Iterable[Any], deed: Deed, done: str) -> None:
        """Call `deed` with each of the rows, and note each change in the admin's log.

        Report each row for which nothing was done.
        """
        count = 0
        for each in rows:
            try:
                if deed(each, by=author(request.user)) == 0:
                    self.message_user(request, NOTHING_WAITS % {"endpoint": each}, messages.WARNING)
                    continue
            except ProductError as error:
                self.message_user(request, f"{each}: {error.detail}", messages.ERROR)
                continue
            self.log_change(request, each, done)
            count += 1
        if count:
            self.message_user(request, f"{done} ({count})", messages.SUCCESS)


@admin.register(Endpoint)
class EndpointAdmin(WebhooksAdmin):
    """The endpoints, and their state."""

    list_display = ("host", "state", "attempts")
    list_filter = ("enabled",)
    actions = ("enable", "disable", "send_test_event", "send_untaken")

    def get_fields(self, request: HttpRequest, obj: Endpoint | None = None) -> Any:
        """Show the whole address, which may be a secret, only to those who may change it."""
        address = "url" if self.has_manage_permission(request) else "host"
        return ("id", address, "types", "state", "attempts", "created_at", "created_by")

    @admin.display(description=_("host"))
    def host(self, endpoint: Endpoint) -> str:
        """Return the host of the address."""
        return endpoint.host

    @admin.display(description=_("state"))
    def state(self, endpoint: Endpoint) -> str:
        """Tell whether the endpoint is called, and whether it accepts the calls."""
        if endpoint.disabled_reason:
            return _("disabled: {reason}").format(reason=endpoint.get_disabled_reason_display())
        if not endpoint.enabled:
            return str(_("disabled"))
        if endpoint.failing_since:
            moment = f"{date_format(endpoint.failing_since, 'DATETIME_FORMAT')} UTC"
            return _("failing since {moment}").format(moment=moment)
        return str(_("slow") if endpoint.slow else _("takes all calls"))

    @admin.display(description=_("attempts"))
    def attempts(self, endpoint: Endpoint) -> SafeString:
        """Link to the attempts of the endpoint."""
        address = reverse("admin:webhooks_attempt_changelist")
        return format_html('<a href="{}?endpoint={}">{}</a>', address, endpoint.pk, _("List of attempts"))

    @admin.action(description=_("Enable"), permissions=["manage"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        """Enable the endpoints. They get the events that are published from now on, and those that failed before."""
        self.act(request, chosen(self, request, queryset), partial(_set_enabled, enabled=True), str(_("Enabled.")))

    @admin.action(description=_("Disable"), permissions=["manage"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        """Send nothing more to the endpoints."""
        self.act(request, chosen(self, request, queryset), partial(_set_enabled, enabled=False), str(_("Disabled.")))

    @admin.action(description=_("Send a test event"), permissions=["manage"])
    def send_test_event(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        """Send each endpoint a test event, which is not in the list of events."""
        self.act(request, chosen(self, request, queryset), _test, str(_("A test event is on its way.")))

    @admin.action(description=_("Send again what was not taken"), permissions=["manage"])
    def send_untaken(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        """Send each endpoint again all events that it has not taken."""
        self.act(request, chosen(self, request, queryset), _send_untaken, str(_("What was not taken is sent again.")))


class EndpointFilter(admin.SimpleListFilter):
    """Shows the attempts of one endpoint."""

    title = _("endpoint")
    parameter_name = "endpoint"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the hosts of all endpoints, of which there are few."""
        return [(str(endpoint.pk), endpoint.host) for endpoint in Endpoint.objects.all()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Attempt]) -> QuerySet[Attempt]:
        """Return the attempts of the chosen endpoint, or of all endpoints."""
        chosen = self.value()
        known = {pk for pk, _url in self.lookup_choices}
        return queryset.filter(endpoint_id=chosen) if chosen in known else queryset


class AttemptList(ChangeList):
    """A page of attempts, each with its endpoint."""

    def get_results(self, request: HttpRequest) -> None:
        """Read all endpoints, of which there are few, once."""
        super().get_results(request)
        endpoints = {str(endpoint.pk): endpoint for endpoint in Endpoint.objects.all()}
        attempts = list(self.result_list)
        for attempt in attempts:
            attempt.endpoint = endpoints.get(str(attempt.endpoint_id))
        self.result_list = attempts


@admin.register(Attempt)
class AttemptAdmin(WebhooksAdmin):
    """The calls of the last 30 days."""

    list_display = ("created_at", "host", "type", "number", "status", "what_failed", "duration_ms")
    list_filter = (EndpointFilter,)
    fields = ("created_at", "host", "type", "event_id", "number", "status", "what_failed", "duration_ms", "answer")
    ordering = ("-created_at", "-pk")
    sortable_by = ()  # no index has the attempts in another order
    actions = ("send_again",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the class of the list, which adds the endpoints."""
        return AttemptList

    @admin.display(description=_("endpoint"))
    def host(self, attempt: Any) -> str:
        """Return a link to the endpoint that shows its host, or the endpoint's id if it was deleted."""
        if not hasattr(attempt, "endpoint"):
            attempt.endpoint = Endpoint.objects.filter(pk=attempt.endpoint_id).first()
        if attempt.endpoint is None:
            return str(attempt.endpoint_id)
        address = reverse("admin:webhooks_endpoint_change", args=[attempt.endpoint.pk])
        return format_html('<a href="{}">{}</a>', address, attempt.endpoint.host)

    @admin.display(description=_("error"))
    def what_failed(self, attempt: Attempt) -> str:
        """Return the error in words."""
        return error_in_words(attempt.error)

    @admin.action(description=_("Send the event again"), permissions=["manage"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Attempt]) -> None:
        """Send the events of the attempts again, whether or not they were taken.

        An event is sent only once to an endpoint, even if several of its attempts were chosen.
        """
        attempts = chosen(self, request, queryset)
        each_once = {(attempt.endpoint_id, attempt.event_id): attempt for attempt in attempts}
        self.act(request, each_once.values(), _send_again, str(_("The event is sent again.")))


def _set_enabled(endpoint: Endpoint, *, enabled: bool, by: Author) -> None:
    change = partial(change_endpoint, str(endpoint.pk), {"enabled": enabled}, rotate=False, by=by, now=clock.now())
    run_in_transaction(change)


def _test(endpoint: Endpoint, *, by: Author) -> None:
    run_in_transaction(partial(send_test, str(endpoint.pk), by=by, now=clock.now()))


def _send_untaken(endpoint: Endpoint, *, by: Author) -> int:
    return run_in_transaction(partial(redeliver_untaken, str(endpoint.pk), by=by, now=clock.now()))


def _send_again(attempt: Attempt, *, by: Author) -> None:
    run_in_transaction(partial(redeliver, str(attempt.endpoint_id), attempt.event_id, by=by, now=clock.now()))
