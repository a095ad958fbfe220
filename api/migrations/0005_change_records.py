"""Adds the record of changes."""

import django_mongodb_backend.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('api', '0004_server_keys'),
    ]

    operations = [
        migrations.CreateModel(
            name='ChangeRecord',
            fields=[
                ('id', django_mongodb_backend.fields.ObjectIdAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('action', models.CharField(max_length=40, verbose_name='action')),
                ('by_role', models.CharField(choices=[('streamer', 'streamer'), ('staff', 'staff'), ('key', 'key for servers')], max_length=8, verbose_name='role')),
                ('by_id', models.CharField(max_length=24, verbose_name='by')),
                ('subject_type', models.CharField(max_length=40, verbose_name='kind')),
                ('subject_id', models.CharField(max_length=64, verbose_name='of')),
                ('about', django_mongodb_backend.fields.ArrayField(base_field=models.CharField(max_length=24), default=list)),
                ('before', models.JSONField(default=dict, verbose_name='before')),
                ('after', models.JSONField(default=dict, verbose_name='after')),
                ('reason', models.CharField(max_length=500, verbose_name='reason')),
                ('request_id', models.CharField(max_length=64, verbose_name='request')),
            ],
            options={
                'verbose_name': 'change',
                'verbose_name_plural': 'changes',
                'db_table': 'change_records',
                'ordering': ('-pk',),
                'default_permissions': ('view',),
                'indexes': [models.Index(fields=['by_id', 'id'], name='changes_by'), models.Index(fields=['action', 'id'], name='changes_of_kind'), models.Index(fields=['subject_id', 'id'], name='changes_of'), models.Index(fields=['about', 'id'], name='changes_about'), models.Index(fields=['request_id'], name='changes_of_request')],
            },
        ),
    ]
