import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """A copy of a programme certificate under another name carries the same signature."""

    dependencies = [
        ('certificates', '0006_programme_certificates'),
        ('staff', '0010_aliases'),
    ]

    operations = [
        migrations.AlterField(
            model_name='programmesigning',
            name='signature',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='staff.signature'),
        ),
    ]
