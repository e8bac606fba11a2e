import django.db.models.deletion
import staff.clock
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Approvals by a second person, also ahead of the text, and since when an item is stale."""

    dependencies = [
        ('quizzes', '0007_kinds'),
        ('training', '0006_drafts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Approval',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sha256', models.CharField(max_length=64)),
                ('approved_at', models.DateTimeField(default=staff.clock.now)),
            ],
        ),
        migrations.AddField(
            model_name='questionversion',
            name='stale_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='questionversion',
            name='stale_by',
            field=models.ForeignKey(blank=True, help_text='Who published the text that it was not approved for.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='questionversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('stale_at', None), ('stale_by', None)), models.Q(('stale_at__isnull', False), ('stale_by__isnull', False)), _connector='OR'), name='questionversion_stale_whole'),
        ),
        migrations.AddField(
            model_name='approval',
            name='approved_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='approval',
            name='question_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='approvals', to='quizzes.questionversion'),
        ),
        migrations.AddConstraint(
            model_name='approval',
            constraint=models.UniqueConstraint(fields=('question_version', 'sha256', 'approved_by'), name='approval_once'),
        ),
    ]
