from django.apps import AppConfig


class PagesConfig(AppConfig):
    name = "pages"

    def ready(self) -> None:
        """Register the system checks."""
        from pages import checks  # noqa: F401, PLC0415 - registers them
