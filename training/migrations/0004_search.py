"""Passages, and the engine's own index on them: an FTS5 table on SQLite, a generated column on PostgreSQL.

The FTS5 table stands by itself, without triggers, so that it outlives a table that Django rebuilds; `training.search` writes
both. Search is empty until the next `load_material` or `index_search`.
"""

import django.db.models.deletion
from django.db import migrations, models

ON_SQLITE = (
    "CREATE VIRTUAL TABLE training_passage_words USING fts5(text, whole, code, tokenize = 'porter unicode61')",
)
ON_POSTGRESQL = (
    """ALTER TABLE training_passage ADD COLUMN document tsvector GENERATED ALWAYS AS (
        to_tsvector('english', folded || ' ' || replace(code, '-', ' ')) || to_tsvector('simple', folded)
    ) STORED""",
    "CREATE INDEX training_passage_document ON training_passage USING gin (document)",
)


def hang_index(apps, schema_editor):
    for statement in ON_POSTGRESQL if schema_editor.connection.vendor == "postgresql" else ON_SQLITE:
        schema_editor.execute(statement)


def drop_index(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":  # there the column goes with its table
        schema_editor.execute("DROP TABLE training_passage_words")


class Migration(migrations.Migration):

    dependencies = [
        ('training', '0003_facts_left_out'),
    ]

    operations = [
        migrations.CreateModel(
            name='Passage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('kind', models.CharField(choices=[('module', 'Module'), ('section', 'Section'), ('point', 'Key point'), ('heading', 'Heading'), ('prose', 'Text'), ('picture', 'Picture')], max_length=8)),
                ('anchor', models.CharField(blank=True, max_length=80)),
                ('code', models.CharField(blank=True, max_length=12)),
                ('critical', models.BooleanField()),
                ('tier', models.PositiveSmallIntegerField(help_text='The order of results, 0 first.')),
                ('text', models.TextField()),
                ('folded', models.TextField(help_text='The text as it is indexed.')),
                ('module_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='passages', to='training.moduleversion')),
                ('section_version', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='passages', to='training.sectionversion')),
            ],
            options={
                'ordering': ('module_version', 'position'),
                'constraints': [models.UniqueConstraint(fields=('module_version', 'position'), name='passage_position_once')],
            },
        ),
        migrations.RunPython(hang_index, drop_index),
    ]
