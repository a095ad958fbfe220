"""Tools for developers: the demo, demo data, benchmarks, stand-ins for the vendors, and the embedded MongoDB."""

from django.apps import AppConfig


class LabConfig(AppConfig):
    name = "lab"
