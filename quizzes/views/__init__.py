from quizzes.views.practice import practice
from quizzes.views.rules import quiz_detail
from quizzes.views.sitting import attempt_check, attempt_clock, attempt_save, attempt_take

__all__ = ["attempt_check", "attempt_clock", "attempt_save", "attempt_take", "practice", "quiz_detail"]
