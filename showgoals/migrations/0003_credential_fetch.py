"""Adds a model for the existing collection `credential_fetches`. The database does not change."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("showgoals", "0002_credential_fetches")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="CredentialFetch",
                    fields=[
                        ("id", models.CharField(db_column="_id", max_length=49, primary_key=True, serialize=False)),
                        ("first_at", models.DateTimeField()),
                        ("last_at", models.DateTimeField()),
                        ("count", models.IntegerField()),
                    ],
                    options={"db_table": "credential_fetches"},
                )
            ]
        )
    ]
