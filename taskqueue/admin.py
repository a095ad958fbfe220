"""django-q's pages of finished tasks, without their filter by group, which would list every goal."""

from django.contrib import admin
from django_q.admin import FailAdmin, TaskAdmin
from django_q.models import Failure, Success

admin.site.unregister([Success, Failure])


@admin.register(Success)
class SuccessAdmin(TaskAdmin):
    """Tasks that succeeded. The search for a goal's id finds the tasks of that goal."""

    list_filter = ("cluster",)
    show_full_result_count = False


@admin.register(Failure)
class FailureAdmin(FailAdmin):
    """Dead letters. Select and resubmit them once the cause is mended."""

    list_filter = ("cluster",)
    show_full_result_count = False
