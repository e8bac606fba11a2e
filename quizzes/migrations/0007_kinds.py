import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import staff.clock


class Migration(migrations.Migration):
    """Room for the answers of every kind of item, and what practice shows."""

    dependencies = [
        ("quizzes", "0006_revoked_read_anew"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="question",
            name="kind",
            field=models.CharField(
                help_text="One of quizzes.kinds; a further one needs no migration.", max_length=10
            ),
        ),
        migrations.AlterField(
            model_name="attemptitem",
            name="answer",
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AlterField(
            model_name="response",
            name="payload",
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.CreateModel(
            name="PracticeAnswer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("right", models.BooleanField()),
                (
                    "confidence",
                    models.CharField(
                        blank=True,
                        choices=[("sure", "Sure"), ("fairly", "Fairly sure"), ("guessing", "Guessing")],
                        max_length=8,
                    ),
                ),
                ("answered_at", models.DateTimeField(default=staff.clock.now)),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="practice_answers",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "question_version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="practised",
                        to="quizzes.questionversion",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("confidence__in", ["", "sure", "fairly", "guessing"])),
                        name="practiceanswer_confidence_known",
                    )
                ],
            },
        ),
    ]
