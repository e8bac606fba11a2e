import django.db.models.deletion
import staff.clock
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """What was reminded of, and the clinics' hours."""

    dependencies = [
        ('compliance', '0003_people_imports'),
        ('staff', '0006_mail_to_an_address'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ReminderMail',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day_on', models.DateField()),
                ('queued_at', models.DateTimeField(default=staff.clock.now)),
                ('clinic', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='staff.clinic')),
                ('mail', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='reminders', to='staff.outgoingmail')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reminder_mails', to=settings.AUTH_USER_MODEL)),
                ('queued_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('person', 'day_on'), name='remindermail_one_a_day')],
            },
        ),
        migrations.CreateModel(
            name='Reminder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('due', 'To be held by a day'), ('expiry', 'Certificate runs out'), ('withdrawn', 'Certificate withdrawn'), ('task', 'Changed passage to be read again'), ('escalated', 'Told to the manager'), ('digest', 'Weekly digest')], max_length=9)),
                ('requirement', models.CharField(max_length=100)),
                ('cycle', models.CharField(max_length=40)),
                ('step', models.SmallIntegerField(blank=True, help_text='Days left when it was due; none where somebody sent it again by hand.', null=True)),
                ('title', models.CharField(max_length=300)),
                ('due_on', models.DateField()),
                ('about', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('clinic', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='staff.clinic')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('mail', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='compliance.remindermail')),
            ],
            options={
                'ordering': ('mail', 'pk'),
                'constraints': [models.UniqueConstraint(fields=('person', 'about', 'kind', 'requirement', 'cycle', 'step'), name='reminder_step_once'), models.CheckConstraint(condition=models.Q(('kind__in', ['due', 'expiry', 'withdrawn', 'task', 'escalated', 'digest'])), name='reminder_kind_known')],
            },
        ),
        migrations.CreateModel(
            name='ReminderHours',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('from_hour', models.PositiveSmallIntegerField()),
                ('until_hour', models.PositiveSmallIntegerField(help_text='Nothing goes out from this hour on.')),
                ('digest_weekday', models.PositiveSmallIntegerField(help_text='0 is Monday.')),
                ('set_at', models.DateTimeField(default=staff.clock.now)),
                ('clinic', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='staff.clinic')),
                ('set_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('clinic', 'number'), name='reminderhours_number_once'), models.CheckConstraint(condition=models.Q(('from_hour__lt', models.F('until_hour')), ('until_hour__lte', 24)), name='reminderhours_some_hours'), models.CheckConstraint(condition=models.Q(('digest_weekday__lte', 6)), name='reminderhours_weekday')],
            },
        ),
    ]
