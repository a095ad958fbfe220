"""Scrapes `/metrics`, and parses the response as Prometheus does."""

from dataclasses import dataclass

from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

Samples = dict[str, dict[tuple[str, ...], float]]


@dataclass(frozen=True)
class Scrape:
    """The values in a response of `/metrics`, by the name of the sample and the values of its labels."""

    samples: Samples

    def of(self, name: str) -> dict[tuple[str, ...], float]:
        """Return the values of the product's samples with this name. A sample without labels has the key `()`."""
        return self.samples[f"showgoals_{name}"]


def scrape() -> Scrape:
    """Scrape `/metrics` from this host."""
    response = Client().get("/metrics")
    assert response.status_code == 200
    return read(response.content.decode())


def read(text: str) -> Scrape:
    """Parse the text of a response."""
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        samples.setdefault(family.name, {})
        for sample in family.samples:
            labels = tuple(value for _label, value in sorted(sample.labels.items()))
            samples.setdefault(sample.name, {})[labels] = sample.value
    return Scrape(samples)
