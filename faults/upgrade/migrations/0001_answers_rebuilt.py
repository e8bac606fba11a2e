"""What an upgrade may do to the table of answers: SQLite writes it anew and loses its triggers, PostgreSQL changes it under
a lock. `migrate` has to put the triggers back, wherever it was killed."""

from django.db import migrations, models


def rebuild(apps, editor):
    response = apps.get_model("quizzes", "Response")
    narrow = response._meta.get_field("client_key")
    wide = models.CharField(max_length=narrow.max_length + 1)
    wide.set_attributes_from_name("client_key")
    wide.model = response
    editor.alter_field(response, narrow, wide)


class Migration(migrations.Migration):
    dependencies = [("quizzes", "__first__")]
    operations = [migrations.RunPython(rebuild, migrations.RunPython.noop)]
