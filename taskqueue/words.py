"""Texts of django-q's pages that it does not translate into Traditional Chinese. `make messages` finds them here."""

from django.utils.translation import gettext_lazy as _

DJANGO_Q = (
    *(_("Failed task"), _("Failed tasks"), _("Queued task"), _("Queued tasks"), _("Scheduled task")),
    *(_("Scheduled tasks"), _("Successful task"), _("Successful tasks")),
    *(_("Task id"), _("32-character task identifier."), _("Name"), _("Function"), _("Group"), _("Cluster")),
    *(_("Optional human-readable name for lookup and display."), _("Arguments"), _("Result"), _("Attempt count")),
    *(_("Dotted import path to the callable, e.g. myapp.tasks.job."), _("How many times execution was attempted.")),
    *(_("Name of the cluster that executed this task."), _("When the worker started executing the task.")),
    *(_("When the worker finished (success or failure)."), _("Started at"), _("Stopped at")),
    *(_("Optional label to identify this schedule in the admin."), _("e.g. module.tasks.function")),
    *(_("e.g. 1, 2, 'John'"), _("e.g. x=1, y=2, name='John'"), _("Keyword arguments"), _("Schedule Type")),
    *(_("How often this task should be enqueued."), _("Minutes"), _("Number of minutes for the Minutes type")),
    *(_("Cron expression"), _("Repeats"), _("n = n times, -1 = forever"), _("Next Run")),
    *(
        _("When this schedule runs next (stored in UTC)."),
        _("Once"),
        _("Hourly"),
        _("Daily"),
        _("Weekly"),
        _("Biweekly"),
    ),
    *(_("Monthly"), _("Bimonthly"), _("Quarterly"), _("Yearly"), _("Cron")),
    *(_("Cluster key"), _("Lock until"), _("Prevent any cluster from pulling until")),
)
