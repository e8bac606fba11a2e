import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """A picture may be a file that was uploaded and drawn anew."""

    dependencies = [
        ('staff', '0004_identity_by_another'),
        ('training', '0006_drafts'),
    ]

    operations = [
        migrations.AddField(
            model_name='picture',
            name='cites',
            field=models.TextField(default='[]'),
        ),
        migrations.AddField(
            model_name='picture',
            name='file',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='staff.storedfile'),
        ),
        migrations.AddField(
            model_name='picture',
            name='height',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='picture',
            name='width',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='picture',
            name='svg',
            field=models.TextField(blank=True),
        ),
        migrations.AddConstraint(
            model_name='picture',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('file', None), ('height', None), ('width', None), models.Q(('svg', ''), _negated=True)), models.Q(('file__isnull', False), ('height__isnull', False), ('svg', ''), ('width__isnull', False)), _connector='OR'), name='picture_drawn_or_uploaded'),
        ),
    ]
