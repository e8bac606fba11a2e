"""What the site does alone is done in somebody's name: the seeded, inactive person Pinpoint. And the house's chain."""

from django.contrib.auth.hashers import make_password
from django.db import migrations


def seed(apps, schema_editor):
    StaffMember = apps.get_model("staff", "StaffMember")
    StaffMember.objects.get_or_create(
        email="pinpoint@system.invalid",
        defaults={"full_name": "Pinpoint", "is_active": False, "password": make_password(None), "public_id": "pinpoint"},
    )
    apps.get_model("staff", "Chain").objects.get_or_create(house=True)


class Migration(migrations.Migration):
    dependencies = [("staff", "0001_ground_tables")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
