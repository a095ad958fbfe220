"""The admin site. Its pages respond to malformed ids and filters with 400, where Django's pages would fail with 500."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import ModelAdmin, ShowFacets, action
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.sites import AdminSite
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied, SuspiciousOperation, ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode

from api.change_lists import adapted
from api.chosen import MOST_AT_ONCE, chosen
from api.counted import Counted

# The lookups that Django's filters use. Other lookups in an address are refused: `started__year=10**20` makes a query
# fail, and `username__regex` can make one very slow.
FILTERED_BY = frozenset({"", "exact", "isnull", "in", "gte", "lt", "id__exact"})
# The name of the URL of the list of changes (desk/changes/admin.py).
CHANGES = "admin:api_changerecord_changelist"


@dataclass(frozen=True, slots=True)
class Page:
    """A page that belongs to no model, with its place in the list of models and the permission that it needs."""

    app: str
    name: Promise
    url_name: str
    permission: str

    def entry(self) -> dict[str, Any]:
        """Return the entry for Django's templates, which show it like a model that can only be viewed."""
        its_id = self.url_name.replace(":", "-")
        url = reverse(self.url_name)
        return {"name": self.name, "object_name": its_id, "admin_url": url, "perms": {}, "view_only": True}


class Site(AdminSite):
    """An admin site that applies the checks of this module to every model, whichever package registers the model."""

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.pages: list[Page] = []
        self.add_action(delete_chosen, "delete_selected")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Return the apps. The models of each app are followed by those pages of the app that the user may see."""
        apps = super().get_app_list(request, app_label)
        for app in apps:
            own = [page for page in self.pages if page.app == app["app_label"] and may(request, page.permission)]
            app["models"] += [page.entry() for page in own]
        return apps

    def get_urls(self) -> list[Any]:
        """Return Django's URLs without `r/{type}/{object}/`, which redirects to an object's page outside the admin.

        Our objects have no such pages.
        """
        return [url for url in super().get_urls() if getattr(url, "name", None) != "view_on_site"]

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[ModelAdmin[Any]] | None = None,
        **options: Any,
    ) -> None:
        """Register the models with a subclass of the admin class. The subclass adds the checks of this module."""
        own = admin_class or ModelAdmin
        counted = own.paginator if own.paginator is not Paginator else Counted
        careful = type(own.__name__, (_Careful, own), {"__module__": own.__module__, "paginator": counted})
        super().register(model_or_iterable, careful, **options)


@action(permissions=["delete"], description=vars(delete_selected)["short_description"])
def delete_chosen(page: ModelAdmin[Any], request: HttpRequest, queryset: QuerySet[Any]) -> Any:
    """Ask for confirmation and delete the selected rows, as Django's own action does, unless there are too many."""
    return delete_selected(page, request, queryset) if chosen(page, request, queryset) else None


class _Careful(ModelAdmin[Any]):
    # To show a count beside each choice of a filter, Django would read the whole collection for each choice.
    show_facets = ShowFacets.NEVER
    # Counting all rows would also read the whole collection.
    show_full_result_count = False
    list_max_show_all = 0
    # A page has no more rows than an action can handle.
    list_per_page = MOST_AT_ONCE

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the class of the change list. With `sortable_by`, the list keeps to the order of an index."""
        own = super().get_changelist(request, **kwargs)
        return adapted(own, in_index_order=self.sortable_by is not None)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow only the lookups of the page's own filters."""
        field, _underscores, how = lookup.partition("__")
        filters = self.list_filter if request is None else self.get_list_filter(request)
        filtered = {_parameter(each) for each in filters}
        return field in filtered and how in FILTERED_BY and super().lookup_allowed(lookup, value, request)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Return the page. Raises SuspiciousOperation if an action names something that can't be an id."""
        try:
            for selected in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.model._meta.pk.to_python(selected)
        except (ValidationError, ValueError) as error:
            raise SuspiciousOperation("The action names an invalid id.") from error
        return super().changelist_view(request, extra_context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Redirect to the list of the object's changes, or to the admin's front page if there is no such object.

        Raises PermissionDenied if the user may not see the object or the list of changes.
        """
        del extra_context
        found = self.get_object(request, unquote(object_id))
        if found is None:
            return HttpResponseRedirect(reverse("admin:index"))
        if not self.has_view_or_change_permission(request, found) or not may(request, "api.view_changerecord"):
            raise PermissionDenied
        return HttpResponseRedirect(f"{reverse(CHANGES)}?{urlencode({'of': found.pk})}")


def may(request: HttpRequest, permission: str) -> bool:
    """Tell whether the user of an admin page has the permission."""
    user: Any = request.user
    return bool(user.has_perm(permission))


def _parameter(each: Any) -> str:
    """Return the query parameter of an entry of `list_filter`, without a lookup."""
    if isinstance(each, str):
        return each
    return str(each[0] if isinstance(each, tuple | list) else each.parameter_name)
