"""django-q's pages of finished tasks, without its filter by group: it would list every goal there is."""

from django.contrib import admin
from django_q.admin import FailAdmin, TaskAdmin
from django_q.models import Failure, Success

admin.site.unregister([Success, Failure])


@admin.register(Success)
class SuccessAdmin(TaskAdmin):
    """What was done; search for a goal's id to see what was done for it."""

    list_filter = ("cluster",)
    show_full_result_count = False


@admin.register(Failure)
class FailureAdmin(FailAdmin):
    """Dead letters: select and resubmit them when the cause is gone."""

    list_filter = ("cluster",)
    show_full_result_count = False
