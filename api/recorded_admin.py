"""Admin pages that record each change in the transaction that writes it. Django's pages use no MongoDB transactions."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ObjectDoesNotExist
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from api.audit import author, record_change
from api.etags import PreconditionFailed
from mongodb.transactions import run_in_transaction

Facts = Mapping[str, Any]

# The hidden field of the template, which holds a digest of what the person saw.
SEEN = "seen"
OUTDATED = _(
    "Somebody has changed this since you opened the page, so nothing was written. The page shows it as it is now."
)


class NothingChanged(Exception):
    """A form was saved without a change, so nothing is written, not even an entry in the admin's log."""


class RecordedAdmin(admin.ModelAdmin[Any]):
    """Writes the object, its related objects, and the record of the change together.

    Only the fields that the person has changed are written, and none if somebody else has changed the object first. A
    change form that is sent twice is written once.
    """

    change_form_template = "admin/recorded.html"

    def facts(self, saved: Any) -> dict[str, Any]:
        """Return what the record keeps about the object: no secrets, and nothing that `forget_user` removes."""
        raise NotImplementedError

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return the page. Its form has a digest of the values that were first shown.

        If the form is shown again because of a mistake, the digest stays the same.
        """
        if kwargs.get("change"):
            is_new = request.method != "POST"
            context[SEEN] = _digest(context["adminform"].form) if is_new else request.POST.get(SEEN, "")
        return super().render_change_form(request, context, *args, **kwargs)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Return the page. If nothing was changed, or the page was outdated, redirect and show a message."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except NothingChanged:
            return answer_unchanged(self, request)
        except PreconditionFailed as error:
            self.message_user(request, str(error.detail), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Do nothing. `save_related` also writes the object."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Write what has changed, and record the change. Raises NothingChanged or PreconditionFailed."""

        def write() -> None:
            before = self._facts_as_seen(request, form) if change else {}
            _save(form, change=change)
            super(RecordedAdmin, self).save_related(request, form, formsets, change)
            former, present = _differing(before, after := self.facts(self._stored(form)))
            unnamed = sorted(set(form.changed_data) - after.keys())
            present |= {"fields": unnamed} if unnamed and change else {}
            action = "change" if change else "add"
            about = [str(form.instance.pk)] if self.opts.label_lower == "auth.user" else []
            by = author(request.user)
            record_change(action, form.instance, by=by, before=former, after=present, about=about)

        run_in_transaction(write)

    def _facts_as_seen(self, request: HttpRequest, form: Any) -> dict[str, Any]:
        """Return the facts before the change.

        Raises NothingChanged if the form changes no value, and PreconditionFailed if the person saw other values.
        """
        try:
            stored = self._stored(form)
        except ObjectDoesNotExist:
            raise PreconditionFailed(OUTDATED) from None
        if not type(form)(form.data, instance=stored).has_changed():
            raise NothingChanged
        if request.POST.get(SEEN) != _digest(type(form)(instance=stored)):
            raise PreconditionFailed(OUTDATED)
        return self.facts(stored)

    def _stored(self, form: Any) -> Any:
        return self.model.objects.get(pk=form.instance.pk)


def answer_unchanged(page: admin.ModelAdmin[Any], request: HttpRequest) -> HttpResponse:
    """Say that nothing was changed, and redirect to the page that the pressed button asks for."""
    page.message_user(request, _("Nothing was changed."), messages.INFO)
    if "_continue" in request.POST:
        return HttpResponseRedirect(request.get_full_path())
    if "_addanother" in request.POST and page.has_add_permission(request):
        return HttpResponseRedirect(reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_add"))
    return page.response_post_save_change(request, None)


def _save(form: Any, *, change: bool) -> None:
    """Write a new object, or the changed fields of an existing one. Related objects are written separately."""
    if not change:
        form.instance.save()
        return
    own = {field.name for field in form.instance._meta.concrete_fields}
    if changed := own & set(form.changed_data):
        form.instance.save(update_fields=changed)


def _digest(form: ModelForm[Any]) -> str:
    """Return a digest of the values that the form can change, as they are stored."""
    values = {name: _comparable(form[name].initial) for name, field in form.fields.items() if not field.disabled}
    return sha256(repr(sorted(values.items())).encode()).hexdigest()


def _comparable(value: Any) -> Any:
    return sorted(str(linked.pk) for linked in value) if isinstance(value, list) else str(value)


def _differing(before: Facts, after: Facts) -> tuple[dict[str, Any], dict[str, Any]]:
    names = [name for name in after if before.get(name) != after[name]]
    return {name: before[name] for name in names if name in before}, {name: after[name] for name in names}
