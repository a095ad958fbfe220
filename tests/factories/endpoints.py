"""Endpoints of partners."""

from typing import Any

import factory
from django.utils import timezone

from mongodb.transactions import run_in_transaction
from tests.factories.people import MEI
from webhooks.endpoints import create_endpoint
from webhooks.models import Endpoint


class EndpointFactory(factory.Factory[Endpoint]):
    """An enabled endpoint that gets every event that is published from now on."""

    class Meta:
        model = Endpoint

    url = factory.Sequence("https://partner-{}.example.com/hooks".format)
    types = factory.LazyFunction(list)
    enabled = True

    @classmethod
    def _create(cls, _model_class: type[Endpoint], *_args: Any, **fields: Any) -> Endpoint:
        return run_in_transaction(lambda: create_endpoint(**fields, by=MEI, now=timezone.now()))
