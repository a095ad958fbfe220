"""The WSGI application that the web server serves."""

import os

import django

from config.deployment import refuse_wrong_settings
from config.requests import Handler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)
application = Handler()
refuse_wrong_settings()
