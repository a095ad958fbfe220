"""Adds the endpoints of partners. Adds deliveries and attempts, which expire after 30 days."""

from typing import Any

import django_mongodb_backend.fields
from django.db import migrations, models


KEPT_SECONDS = 30 * 24 * 3600
EXPIRING = {"webhook_deliveries": "first_at", "webhook_attempts": "created_at"}


def create(apps: Any, schema_editor: Any) -> None:
    for name, moment in EXPIRING.items():
        collection = schema_editor.connection.get_collection(name)
        collection.create_index([(moment, 1)], name="expires", expireAfterSeconds=KEPT_SECONDS)


def drop(apps: Any, schema_editor: Any) -> None:
    for name in EXPIRING:
        schema_editor.connection.get_collection(name).drop_index("expires")


class Migration(migrations.Migration):

    dependencies = [
        ('webhooks', '0001_events'),
    ]

    operations = [
        migrations.CreateModel(
            name='Endpoint',
            fields=[
                ('id', django_mongodb_backend.fields.ObjectIdAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('url', models.CharField(max_length=500, verbose_name='address')),
                ('types', django_mongodb_backend.fields.ArrayField(base_field=models.CharField(max_length=40), default=list, verbose_name='types')),
                ('enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('disabled_reason', models.CharField(blank=True, choices=[('failing', 'it has failed for three days'), ('gone', 'it has answered 410')], max_length=7, null=True, verbose_name='disabled because')),
                ('seed', models.CharField(max_length=32)),
                ('former_seed', models.CharField(max_length=32, null=True)),
                ('former_until', models.DateTimeField(null=True)),
                ('place', django_mongodb_backend.fields.ObjectIdField()),
                ('slow', models.BooleanField(default=False, verbose_name='slow')),
                ('failing_since', models.DateTimeField(blank=True, null=True, verbose_name='failing since')),
                ('lease', models.CharField(max_length=32, null=True)),
                ('leased_until', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('created_by', models.CharField(max_length=150, verbose_name='created by')),
            ],
            options={
                'verbose_name': 'webhook endpoint',
                'verbose_name_plural': 'webhook endpoints',
                'db_table': 'webhook_endpoints',
                'ordering': ('-pk',),
            },
        ),
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', django_mongodb_backend.fields.ObjectIdAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('endpoint_id', django_mongodb_backend.fields.ObjectIdField(verbose_name='endpoint')),
                ('event_id', models.CharField(max_length=24, verbose_name='event')),
                ('type', models.CharField(max_length=40, verbose_name='type')),
                ('number', models.IntegerField(verbose_name='attempt')),
                ('created_at', models.DateTimeField(verbose_name='began at')),
                ('status', models.IntegerField(null=True, verbose_name='status')),
                ('error', models.CharField(max_length=40, verbose_name='error')),
                ('duration_ms', models.IntegerField(verbose_name='milliseconds')),
                ('answer', models.TextField(verbose_name='first bytes of the answer')),
            ],
            options={
                'verbose_name': 'attempt',
                'verbose_name_plural': 'attempts',
                'db_table': 'webhook_attempts',
                'ordering': ('-pk',),
                'indexes': [models.Index(fields=['endpoint_id', '-created_at', '-id'], name='newest_of_endpoint'), models.Index(fields=['-created_at', '-id'], name='newest_attempts')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.CharField(db_column='_id', max_length=49, primary_key=True, serialize=False)),
                ('endpoint_id', django_mongodb_backend.fields.ObjectIdField()),
                ('event_id', models.CharField(max_length=24)),
                ('event', models.JSONField(null=True)),
                ('attempts', models.IntegerField(default=0)),
                ('first_at', models.DateTimeField()),
                ('next_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'webhook_deliveries',
                'indexes': [models.Index(fields=['endpoint_id', 'next_at'], name='next_deliveries')],
            },
        ),
        migrations.RunPython(create, drop),
    ]
