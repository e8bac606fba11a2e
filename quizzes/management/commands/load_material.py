from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from quizzes import material
from quizzes.exchange import Unreadable
from staff.models import StaffMember
from training import reading_level


def too_hard(course: material.Course) -> list[str]:
    """Sections above the grade that the prose is held to. A check only: nobody is kept from loading by style."""
    graded = [
        (section.file, reading_level.grade(reading_level.prose(section.text, course.library.words)))
        for module, _, _ in course.modules
        for section in module.sections
    ]
    return [
        f"{file}:1: reads at grade {grade}, {reading_level.HARDEST_GRADE:g} is the most: shorter sentences, plainer words"
        for file, grade in graded
        if grade > reading_level.HARDEST_GRADE
    ]


class Command(BaseCommand):
    help = "Check the material's files and publish new versions of what changed. Safe to run twice."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "path",
            nargs="?",
            type=Path,
            default=material.SHIPPED,
            help="the material's folder, or a ZIP of it or of one module's",
        )
        parser.add_argument("--check", action="store_true", help="check only; change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with material.folder_of(options["path"].resolve()) as folder:
                course = material.read(folder)
        except Unreadable as why:
            raise CommandError(f"{why} Nothing was loaded.") from None
        except material.MaterialError as error:
            raise CommandError(f"{len(error.problems)} problems, nothing was loaded:\n{error}") from None
        if options["check"]:
            hard = too_hard(course)
            if hard:
                raise CommandError(f"{len(hard)} sections are too hard to read:\n" + "\n".join(hard))
            self.stdout.write(f"{len(course.modules)} modules, no problem found.")
            return
        done = material.load(course, by=StaffMember.objects.pinpoint())
        for conflict in done.conflicts:
            self.stdout.write(conflict)
        if done.published or done.items or done.retired:
            self.stdout.write(
                f"Published: {', '.join(done.published) or 'nothing'}. {done.items} items new or changed, {done.retired} retired."
            )
        else:
            self.stdout.write("Nothing changed.")
