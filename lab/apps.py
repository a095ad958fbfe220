"""Tools for developers: demo, seed, benchmarks, stand-ins for the vendors, the embedded MongoDB."""

from django.apps import AppConfig


class LabConfig(AppConfig):
    name = "lab"
