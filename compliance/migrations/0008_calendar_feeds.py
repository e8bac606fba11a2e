import django.db.models.deletion
import staff.clock
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Private addresses at which a calendar reads days."""

    dependencies = [
        ('compliance', '0007_outside_training_and_site_sessions'),
        ('staff', '0007_staff_numbers'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CalendarFeed',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address_sha256', models.CharField(max_length=64, unique=True)),
                ('made_at', models.DateTimeField(default=staff.clock.now)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('clinic', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='staff.clinic')),
                ('ended_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('clinic', None), ('ended_at', None)), fields=('person',), name='calendarfeed_one_own'), models.UniqueConstraint(condition=models.Q(('clinic__isnull', False), ('ended_at', None)), fields=('person', 'clinic'), name='calendarfeed_one_a_clinic'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('ended_by', None)), models.Q(('ended_at__gte', models.F('made_at')), ('ended_by__isnull', False)), _connector='OR'), name='calendarfeed_end_whole')],
            },
        ),
    ]
