"""Adds the settlement of funding goals. A stored goal without `lapses_at` never lapses.

Only the state changes, because the backend would write null into every stored goal, and undo concurrent changes.
"""

from typing import Any

import django_mongodb_backend.fields
from django.db import migrations, models

import goals.settlements

GOALS = "goals"
FUNDING: dict[str, Any] = {"_cls": "ShowFundingGoal"}


def create(apps: Any, schema_editor: Any) -> None:
    """Create an index of the funding goals that are not settled, and one of those that a person has to settle."""
    stored = schema_editor.connection.get_collection(GOALS)
    stored.create_index([("lapses_at", 1)], name="unsettled", partialFilterExpression={**FUNDING, "settlement": None})
    stored.create_index(
        # With all three keys, MongoDB looks for evidence without reading the goals, which may be large.
        [("settlement.state", 1), ("settlement.reason", 1), ("context.show_goal_id", 1)],
        name="in_question",
        partialFilterExpression={**FUNDING, "settlement.state": "in_question"},
    )


def drop(apps: Any, schema_editor: Any) -> None:
    stored = schema_editor.connection.get_collection(GOALS)
    for name in stored.index_information().keys() & {"unsettled", "in_question"}:
        stored.drop_index(name)


class Migration(migrations.Migration):
    dependencies = [("goals", "0008_by_nbf")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Settlement",
                    fields=[
                        (
                            "id",
                            django_mongodb_backend.fields.ObjectIdAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("in_question", "in question"),
                                    ("earned", "earned"),
                                    ("refund_due", "refund due"),
                                ],
                                max_length=11,
                            ),
                        ),
                        ("reason", models.CharField(max_length=500)),
                        ("decided_at", models.DateTimeField()),
                        ("decided_by", models.CharField(max_length=150, null=True)),
                        ("as_sold", models.BooleanField(null=True)),
                        ("total", models.BigIntegerField()),
                        ("payers", models.IntegerField()),
                    ],
                    options={"abstract": False},
                ),
                migrations.AddField(
                    "goal", "lapses_at", models.DateTimeField(blank=True, null=True, verbose_name="lapses at")
                ),
                migrations.AddField(
                    "goal",
                    "settlement",
                    django_mongodb_backend.fields.EmbeddedModelField(
                        blank=True, embedded_model=goals.settlements.Settlement, null=True
                    ),
                ),
                migrations.AddField("goal", "lapsed_version", models.IntegerField(null=True)),
                migrations.AlterModelOptions(
                    "goal",
                    {
                        "ordering": ("-pk",),
                        "permissions": (("decide_settlement", "Can decide settlements"),),
                        "verbose_name": "goal",
                        "verbose_name_plural": "goals",
                    },
                ),
            ]
        ),
        migrations.RunPython(create, drop),
    ]
