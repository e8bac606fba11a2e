from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('training', '0004_search'),
    ]

    operations = [
        migrations.CreateModel(
            name='Term',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.SlugField(max_length=60, unique=True)),
                ('term', models.CharField(max_length=80)),
                ('forms', models.TextField()),
                ('meaning', models.TextField()),
                ('facts', models.ManyToManyField(blank=True, to='training.fact')),
                ('positions', models.ManyToManyField(blank=True, to='training.position')),
            ],
            options={
                'ordering': ('term',),
            },
        ),
    ]
