"""Adds keys for partners' servers."""

import django_mongodb_backend.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("api", "0003_sign_ins")]
    operations = [
        migrations.CreateModel(
            name="ServerKey",
            fields=[
                (
                    "id",
                    django_mongodb_backend.fields.ObjectIdAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("start", models.CharField(max_length=8, verbose_name="begins with")),
                (
                    "scopes",
                    django_mongodb_backend.fields.ArrayField(
                        base_field=models.CharField(max_length=20), verbose_name="scopes"
                    ),
                ),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("created_by", models.CharField(max_length=150, verbose_name="created by")),
                ("last_used_at", models.DateTimeField(null=True, verbose_name="last used at")),
                ("revoked_at", models.DateTimeField(null=True, verbose_name="revoked at")),
            ],
            options={
                "verbose_name": "key for servers",
                "verbose_name_plural": "keys for servers",
                "db_table": "server_keys",
                "ordering": ("-pk",),
            },
        ),
    ]
