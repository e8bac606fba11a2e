import compliance.models.heads
from django.db import migrations, models


class Migration(migrations.Migration):
    """The audit trail commits to an address outside, under a salt that goes with it."""

    dependencies = [
        ('compliance', '0009_merges'),
    ]

    operations = [
        migrations.AddField(
            model_name='headaddress',
            name='salt',
            field=models.CharField(default=compliance.models.heads.salt, editable=False, max_length=32),
        ),
    ]
