"""Admin pages whose changes are recorded in the transaction that writes them. Django's own have no transaction here."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from api.audit import author, record_change
from mongodb.transactions import run_in_transaction

Facts = Mapping[str, Any]


class RecordedAdmin(admin.ModelAdmin[Any]):
    """Writes the object, what is linked to it, and the record of the change together."""

    def facts(self, saved: Any) -> dict[str, Any]:
        """Return what the record tells of the object: no secrets, and nothing that `forget_user` removes."""
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's
        """Leave it to `save_related`."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001
        """Write everything, and record it unless nothing has changed."""

        def write() -> None:
            before = self.facts(self.model.objects.get(pk=form.instance.pk)) if change else {}
            form.instance.save()
            super(RecordedAdmin, self).save_related(request, form, formsets, change)
            after = self.facts(form.instance)
            if form.has_changed():
                former, present = _differing(before, after)
                unnamed = sorted(set(form.changed_data) - after.keys())
                present |= {"fields": unnamed} if unnamed and change else {}
                action = "change" if change else "add"
                about = [str(form.instance.pk)] if self.opts.label_lower == "auth.user" else []
                by = author(request.user)
                record_change(action, form.instance, by=by, before=former, after=present, about=about)

        run_in_transaction(write)


def _differing(before: Facts, after: Facts) -> tuple[dict[str, Any], dict[str, Any]]:
    names = [name for name in after if before.get(name) != after[name]]
    return {name: before[name] for name in names if name in before}, {name: after[name] for name in names}
