"""Adds the permissions to cancel shows and to send events again."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('goals', '0012_has_excluded'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='goal',
            options={'ordering': ('-pk',), 'permissions': (('decide_settlement', 'Can decide settlements'), ('cancel_goal', 'Can cancel shows, end them, and close funding goals'), ('send_again', 'Can send events again')), 'verbose_name': 'goal', 'verbose_name_plural': 'goals'},
        ),
    ]
