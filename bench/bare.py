"""The floor: Django with the site's own database settings, the same inserts, and nothing else.

`python -m bench.bare` makes its tables; granian serves `bench.bare:application`.
"""

import os
from functools import cache

import django
from django.core.wsgi import get_wsgi_application
from django.db import connection, models, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import Context, Template, engines
from django.urls import path
from django.utils import timezone

os.environ["DJANGO_SETTINGS_MODULE"] = "bench.bare_settings"
django.setup()
LINES = 20
FIRST = 1  # the id of the sheet that saves go to


class Sheet(models.Model):
    holder = models.CharField(max_length=80)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        app_label = "bare"

    def __str__(self) -> str:
        return self.holder


class Line(models.Model):
    sheet = models.ForeignKey(Sheet, on_delete=models.PROTECT)
    position = models.PositiveSmallIntegerField()
    payload = models.CharField(max_length=200)
    key = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        app_label = "bare"

    def __str__(self) -> str:
        return f"{self.sheet_id}/{self.position}"


PAGE = """<!doctype html><title>{{ sheet.holder }}</title><h1>{{ sheet.holder }}, {{ sheet.at }}</h1>
<ol>{% for line in lines %}<li>{{ line.payload }} {{ line.at }}</li>{% endfor %}</ol>"""


@cache
def page() -> Template:
    template: Template = engines["django"].from_string(PAGE).template
    return template


def submit(request: HttpRequest) -> HttpResponse:
    """1 + 20 rows in one transaction, and a page that shows them."""
    with transaction.atomic():
        sheet = Sheet.objects.create(holder="Maya Lindqvist")
        lines = Line.objects.bulk_create(
            Line(sheet=sheet, position=n, payload="0123456789abcdef", key=f"key-{n}") for n in range(LINES)
        )
    return HttpResponse(page().render(Context({"sheet": sheet, "lines": lines})))


def save(request: HttpRequest) -> HttpResponse:
    """One row, acknowledged."""
    with transaction.atomic():
        Line.objects.create(sheet_id=FIRST, position=1, payload=request.POST.get("answer", ""), key="key")
    return JsonResponse({"state": "saved"})


urlpatterns = [path("submit", submit), path("save", save)]
application = get_wsgi_application()

if __name__ == "__main__":
    with connection.schema_editor() as editor:
        editor.create_model(Sheet)
        editor.create_model(Line)
    Sheet.objects.create(holder="the sheet that saves go to")
