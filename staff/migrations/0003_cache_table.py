"""The table of the cache that all workers share (rate limits). Does nothing where CACHE_URL names another cache."""

from django.core.management import call_command
from django.db import migrations


def create(apps, schema_editor):
    call_command("createcachetable", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    dependencies = [("staff", "0002_pinpoint_itself")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
