from quizzes.views.coverage import coverage
from quizzes.views.practice import practice, practice_summary
from quizzes.views.rules import quiz_detail
from quizzes.views.sitting import attempt_check, attempt_clock, attempt_save, attempt_take

__all__ = [
    "attempt_check",
    "attempt_clock",
    "attempt_save",
    "attempt_take",
    "coverage",
    "practice",
    "practice_summary",
    "quiz_detail",
]
