"""Django's own apps and django-q, with ObjectIds as primary keys."""

from django.contrib.admin.apps import AdminConfig
from django.contrib.auth.apps import AuthConfig
from django.contrib.contenttypes.apps import ContentTypesConfig
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_q.apps import DjangoQConfig

OBJECT_ID = "django_mongodb_backend.fields.ObjectIdAutoField"


class MongoAdminConfig(AdminConfig):
    default_site = "api.admin_site.Site"
    default_auto_field = OBJECT_ID


class MongoAuthConfig(AuthConfig):
    default_auto_field = OBJECT_ID


class MongoContentTypesConfig(ContentTypesConfig):
    default_auto_field = OBJECT_ID


class MongoDjangoQConfig(DjangoQConfig):
    """django-q without the parts through which a row of the database could run code.

    django-q's model of results has fields that unpickle Python objects. Here these fields are text, even for django-q's
    own code. Results call no hooks. The permission `resubmit_failure` says who may resubmit a failed task.
    """

    default_auto_field = OBJECT_ID
    verbose_name = _("Queue")

    def import_models(self) -> None:
        """Load the models, and replace the fields before anything uses them."""
        super().import_models()
        result, *proxies = [self.get_model(name, require_ready=False) for name in ("Task", "Success", "Failure")]
        for name in ("args", "kwargs", "result"):
            stored: models.Field[object, object] = result._meta.get_field(name)
            text: models.Field[object, object] = models.TextField(stored.verbose_name, null=True, editable=False)
            text.creation_counter = stored.creation_counter
            result._meta.local_fields.remove(stored)
            result.add_to_class(name, text)
        for proxy in proxies:
            proxy._meta._expire_cache()  # noqa: SLF001 - the cache holds the old fields
        failure = proxies[-1]._meta
        own = [("resubmit_failure", _("Can resubmit failed task"))]
        failure.permissions = failure.original_attrs["permissions"] = own

    def ready(self) -> None:
        """Don't connect django-q's receiver, which calls the function that a result names as its hook."""
