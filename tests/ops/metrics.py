"""A scrape, parsed as by Prometheus."""

from dataclasses import dataclass

from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

Samples = dict[str, dict[tuple[str, ...], float]]


@dataclass(frozen=True)
class Scrape:
    """The response of `/metrics`: sample -> values of its labels -> value."""

    samples: Samples

    def of(self, name: str) -> dict[tuple[str, ...], float]:
        """Return the samples with this name of ours; a sample without labels has the key `()`."""
        return self.samples[f"showgoals_{name}"]


def scrape() -> Scrape:
    """Scrape from this machine."""
    response = Client().get("/metrics")
    assert response.status_code == 200
    return read(response.content.decode())


def read(text: str) -> Scrape:
    """Parse the text."""
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        samples.setdefault(family.name, {})
        for sample in family.samples:
            labels = tuple(value for _label, value in sorted(sample.labels.items()))
            samples.setdefault(sample.name, {})[labels] = sample.value
    return Scrape(samples)
