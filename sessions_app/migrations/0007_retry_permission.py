"""Adds the permission to start failed recordings again."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('sessions_app', '0006_title_lookup'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='recording',
            options={'ordering': ('-pk',), 'permissions': (('retry_recording', 'Can start failed recordings again'),), 'verbose_name': 'recording', 'verbose_name_plural': 'recordings'},
        ),
    ]
