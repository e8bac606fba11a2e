"""After a revocation everything is read again. That was told by the cycle's opening; now it is a row of its own, so that the
reader's pages know it too. Cycles that are open after a revocation get theirs, dated by their opening."""

from django.db import migrations


def ask(apps, schema_editor):
    Rereading = apps.get_model("training", "Rereading")
    for row in apps.get_model("quizzes", "Candidacy").objects.filter(reason="incident", closed_at=None):
        Rereading.objects.get_or_create(
            person_id=row.person_id,
            module_id=row.quiz.module_id,
            asked_at=row.opened_at,
            defaults={"asked_by_id": row.opened_by_id},
        )


class Migration(migrations.Migration):
    dependencies = [("quizzes", "0005_quiz_minutes"), ("training", "0002_what_programmes_ask_for")]
    operations = [migrations.RunPython(ask, migrations.RunPython.noop)]
