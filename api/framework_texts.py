"""Texts of Django REST framework that its own zh-hant catalogue lacks. The product's catalogue translates them.

Source: rest_framework/locale/zh_Hant of djangorestframework 3.18.3. Remove a text when that catalogue has it.
"""

from django.utils.translation import gettext_noop as _

BORROWED = (
    _("Could not satisfy the request Accept header."),
    _('Unsupported media type "{media_type}" in request.'),
    _("Malformed request."),
    _("Invalid input."),
    _("A server error occurred."),
    _("Must be a valid boolean."),
    _("Not a valid string."),
    _("Surrogate characters are not allowed: U+{code_point:X}."),
    _("Ensure this field has at least {min_length} elements."),
    _("Ensure this field has no more than {max_length} elements."),
)
