"""Outages of vendors (`outages.py`)."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("taskqueue", "0005_pace"),
    ]

    operations = [
        migrations.CreateModel(
            name='Outage',
            fields=[
                ('id', models.CharField(db_column='_id', max_length=40, primary_key=True, serialize=False)),
                ('since', models.DateTimeField()),
                ('probe_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'vendor_outages',
            },
        ),
    ]
