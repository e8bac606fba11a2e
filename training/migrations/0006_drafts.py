import django.db.models.deletion
import staff.clock
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Texts as somebody is writing them on the site."""

    dependencies = [
        ('training', '0005_glossary'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Draft',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField()),
                ('revision', models.PositiveIntegerField(default=1)),
                ('origin', models.CharField(choices=[('file', 'file'), ('site', 'site')], default='site', max_length=4)),
                ('opened_at', models.DateTimeField(default=staff.clock.now)),
                ('saved_at', models.DateTimeField(default=staff.clock.now)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('base', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='training.sectionversion')),
                ('closed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('opened_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('published', models.ForeignKey(blank=True, help_text='What it became.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='drafts', to='training.sectionversion')),
                ('saved_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('section', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='drafts', to='training.section')),
                ('writers', models.ManyToManyField(related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('-opened_at',),
                'constraints': [models.UniqueConstraint(condition=models.Q(('closed_at', None)), fields=('section',), name='draft_one_open'), models.CheckConstraint(condition=models.Q(models.Q(('closed_at', None), ('closed_by', None)), models.Q(('closed_at__isnull', False), ('closed_by__isnull', False)), _connector='OR'), name='draft_closed_whole'), models.CheckConstraint(condition=models.Q(('published', None), ('closed_at__isnull', False), _connector='OR'), name='draft_published_is_closed')],
            },
        ),
    ]
