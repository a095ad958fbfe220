"""Django settings with nothing but django-q2, on the same MongoDB."""

import os

SECRET_KEY = os.environ["SECRET_KEY"]
USE_TZ = True
TIME_ZONE = "UTC"
INSTALLED_APPS = ["config.apps.MongoContentTypesConfig", "django_mongodb_backend", "config.apps.MongoDjangoQConfig"]
DATABASES = {
    "default": {
        "ENGINE": "django_mongodb_backend",
        "HOST": os.environ["MONGODB_URI"],
        "NAME": os.environ["MONGODB_NAME"],
    }
}
DATABASE_ROUTERS = ["django_mongodb_backend.routers.MongoRouter"]
DEFAULT_AUTO_FIELD = "django_mongodb_backend.fields.ObjectIdAutoField"
Q_CLUSTER = {
    "name": "stock",
    "orm": "default",
    "workers": 2,
    "timeout": 60,
    "retry": 90,
    "bulk": 50,
    "save_limit": -1,  # saving every success costs more than the tasks themselves
}
