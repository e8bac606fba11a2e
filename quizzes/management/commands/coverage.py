import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from quizzes.coverage import Coverage, coverage
from staff.models import Clinic
from staff.templatetags.look import plural


class Command(BaseCommand):
    help = (
        "Name what is not covered: facts that nothing teaches, key points without items, quizzes that cannot be filled."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="the report as JSON")
        parser.add_argument("--clinic", metavar="SLUG", help="of the clinics this one only, by the id in its addresses")

    def handle(self, *args: Any, **options: Any) -> None:
        clinics = list(Clinic.objects.all())
        if options["clinic"]:
            clinics = [clinic for clinic in clinics if clinic.public_id == options["clinic"]]
            if not clinics:
                known = ", ".join(f"{clinic.public_id} ({clinic})" for clinic in Clinic.objects.all()) or "none"
                raise CommandError(f"There is no clinic {options['clinic']}. There are: {known}.")
        found = coverage(clinics)
        if not found.modules:
            raise CommandError("No module is published yet: manage.py load_material publishes them.")
        if options["json"]:
            self.stdout.write(json.dumps(found.plain(), indent=2, ensure_ascii=False))
        else:
            self.stdout.write("\n".join(lines(found, clinics)))
        if found.has_gap:
            raise SystemExit(1)


def lines(found: Coverage, clinics: list[Clinic]) -> list[str]:
    """What is missing and where to mend it, then what there is."""
    said = []
    if found.facts_uncited:
        said.append(
            f"{_count(len(found.facts_uncited), 'fact,facts')} neither cited nor left out. Cite each in a section, or give "
            "the reason in training/material/exclusions.yaml:"
        )
        said += [f"  {fact.code}  {fact.statement}" for fact in found.facts_uncited]
    if found.points_without_items:
        said.append(
            f"{_count(len(found.points_without_items), 'key point,key points')} short of items. Write them in the "
            "section's file under training/material/<module>/questions:"
        )
        said += [
            f"  {point.code}  {point.lacking} ({point.module}/{point.section})" for point in found.points_without_items
        ]
    if found.cells_unfillable:
        said.append(
            f"{_count(len(found.cells_unfillable), 'cell,cells')} of a blueprint cannot be filled. Write items, or change "
            "the quiz in module.yaml:"
        )
        said += [
            f"  {plan.module}, {plan.clinic or 'every clinic with the cautious defaults'}: {cell.why}"
            for plan, cell in found.cells_unfillable
        ]
    counts = found.counts()
    said.append(
        f"Covered: {_count(counts['modules'], 'module,modules')}, {_count(counts['sections'], 'section,sections')}, "
        f"{_count(counts['key_points'], 'key point,key points')} ({counts['critical']} critical), "
        f"{counts['items']['certifying']} certifying and {counts['items']['practice']} practice items. "
        f"Of {counts['facts']['total']} teachable facts {counts['facts']['cited']} are cited and "
        f"{counts['facts']['excluded']} left out. Blueprints tried for the installation and "
        f"{_count(len(clinics), 'clinic,clinics')}."
    )
    if not found.has_gap:
        said.append("No gap.")
    return said


def _count(number: int, words: str) -> str:
    return plural(number, words).replace("\u00a0", " ")
