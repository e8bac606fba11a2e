import django.db.models.deletion
import staff.clock
import staff.models.people
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """What a published change asked of whom."""

    initial = True

    dependencies = [
        ('quizzes', '0008_second_person'),
        ('staff', '0004_identity_by_another'),
        ('training', '0006_drafts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PointTest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField()),
                ('seed', models.CharField(max_length=64)),
                ('started_at', models.DateTimeField(default=staff.clock.now)),
            ],
            options={
                'ordering': ('task', 'number'),
            },
        ),
        migrations.CreateModel(
            name='Change',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('effect', models.CharField(choices=[('cosmetic', 'Nothing: wording only'), ('notify', 'Be told'), ('reread', 'Read it again'), ('retest', 'Read it again and answer questions on it')], max_length=8)),
                ('people', models.PositiveIntegerField(help_text='How many held a certificate that rested on it.')),
                ('after', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='training.keypointversion')),
                ('before', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='training.keypointversion')),
                ('key_point', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='training.keypoint')),
                ('module_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='training.moduleversion')),
                ('section_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='training.sectionversion')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('module_version', 'key_point'), name='change_once_a_version'), models.UniqueConstraint(condition=models.Q(('key_point', None)), fields=('module_version',), name='change_text_once_a_version'), models.CheckConstraint(condition=models.Q(('effect__in', ['cosmetic', 'notify', 'reread', 'retest'])), name='change_effect_known'), models.CheckConstraint(condition=models.Q(models.Q(('effect', 'retest'), _negated=True), ('after__isnull', False), _connector='OR'), name='change_retest_has_a_point')],
            },
        ),
        migrations.CreateModel(
            name='PointTestItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('question_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='quizzes.questionversion')),
                ('test', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='items', to='compliance.pointtest')),
            ],
            options={
                'ordering': ('test', 'position'),
                'constraints': [models.UniqueConstraint(fields=('test', 'position'), name='pointtestitem_position_once')],
            },
        ),
        migrations.CreateModel(
            name='PointTestResult',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('answers', models.TextField()),
                ('right', models.PositiveSmallIntegerField()),
                ('items', models.PositiveSmallIntegerField()),
                ('passed', models.BooleanField()),
                ('ended_at', models.DateTimeField(default=staff.clock.now)),
                ('test', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='result', to='compliance.pointtest')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('right__lte', models.F('items'))), name='pointtestresult_right_within'), models.CheckConstraint(condition=models.Q(models.Q(('passed', True), ('right', models.F('items'))), models.Q(('passed', False), ('right__lt', models.F('items'))), _connector='OR'), name='pointtestresult_passed_is_all_right')],
            },
        ),
        migrations.CreateModel(
            name='Task',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=staff.models.people.public_id, editable=False, max_length=16, unique=True)),
                ('due_on', models.DateField()),
                ('asked_at', models.DateTimeField(default=staff.clock.now)),
                ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('change', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tasks', to='compliance.change')),
                ('clinic', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='staff.clinic')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tasks', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('person', 'change'), name='task_once')],
            },
        ),
        migrations.AddField(
            model_name='pointtest',
            name='task',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tests', to='compliance.task'),
        ),
        migrations.AddConstraint(
            model_name='pointtest',
            constraint=models.UniqueConstraint(fields=('task', 'number'), name='pointtest_number_once'),
        ),
    ]
