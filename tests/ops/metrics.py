"""A scrape, read as Prometheus would."""

from dataclasses import dataclass

from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

Samples = dict[str, dict[tuple[str, ...], float]]


@dataclass(frozen=True)
class Scrape:
    """What `/metrics` said: sample -> values of its labels -> value."""

    samples: Samples

    def of(self, name: str) -> dict[tuple[str, ...], float]:
        """Return the samples of one name, ours by default; without labels under `()`."""
        return self.samples[f"showgoals_{name}"]


def scrape() -> Scrape:
    """Ask from this machine."""
    response = Client().get("/metrics")
    assert response.status_code == 200
    return read(response.content.decode())


def read(text: str) -> Scrape:
    """Parse the text; a family without samples has none."""
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        samples.setdefault(family.name, {})
        for sample in family.samples:
            labels = tuple(value for _label, value in sorted(sample.labels.items()))
            samples.setdefault(sample.name, {})[labels] = sample.value
    return Scrape(samples)
