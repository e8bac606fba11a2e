from django.db import migrations, models


class Migration(migrations.Migration):
    """The physician's credentials and the versions of modules and programme, for the third design of the paper."""

    dependencies = [
        ('certificates', '0007_signing_carried_by_copies'),
    ]

    operations = [
        migrations.AddField(
            model_name='programmesigning',
            name='credentials',
            field=models.CharField(blank=True, default='', max_length=400),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='programmesigning',
            name='versions',
            field=models.TextField(blank=True, default=''),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='programmesigning',
            name='programme_sha256',
            field=models.CharField(blank=True, default='', max_length=64),
            preserve_default=False,
        ),
    ]
