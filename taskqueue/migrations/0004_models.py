"""Add models of the existing collections `task_clusters` and `repairs`. The database does not change."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("taskqueue", "0003_results")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Cluster",
                    fields=[
                        ("id", models.CharField(db_column="_id", max_length=200, primary_key=True, serialize=False)),
                        ("started_at", models.DateTimeField()),
                        ("beat_at", models.DateTimeField()),
                        ("workers", models.JSONField()),
                        ("deaths", models.IntegerField()),
                    ],
                    options={"db_table": "task_clusters"},
                ),
                migrations.CreateModel(
                    name="Repair",
                    fields=[
                        ("id", models.CharField(db_column="_id", max_length=100, primary_key=True, serialize=False)),
                        ("count", models.IntegerField()),
                        ("last_at", models.DateTimeField()),
                    ],
                    options={"db_table": "repairs"},
                ),
            ]
        )
    ]
