"""Ten tries were the end of a mail until now: what reached them unsent was given up, and says so from now on."""

from django.db import migrations
from django.db.models import F

MOST_TRIES = 10


def given_up(apps, schema_editor):
    mails = apps.get_model("staff", "OutgoingMail").objects.using(schema_editor.connection.alias)
    mails.filter(sent_at=None, tries__gte=MOST_TRIES).update(given_up_at=F("due_at"))


def back(apps, schema_editor):
    mails = apps.get_model("staff", "OutgoingMail").objects.using(schema_editor.connection.alias)
    mails.filter(sent_at=None, given_up_at__isnull=False).update(tries=MOST_TRIES)


class Migration(migrations.Migration):
    dependencies = [("staff", "0012_mails_given_up")]

    operations = [migrations.RunPython(given_up, back)]
