from quizzes.views.bank import bank, bank_item, bank_module
from quizzes.views.coverage import coverage
from quizzes.views.exchange import bank_export, bank_import
from quizzes.views.practice import practice, practice_summary
from quizzes.views.preview import form_preview
from quizzes.views.rules import quiz_detail
from quizzes.views.sitting import attempt_check, attempt_clock, attempt_save, attempt_take
from quizzes.views.standard import cut_file, cut_rate, cut_score
from quizzes.views.writing import item_drafts, item_edit, item_new

__all__ = [
    "attempt_check",
    "attempt_clock",
    "attempt_save",
    "attempt_take",
    "bank",
    "bank_export",
    "bank_import",
    "bank_item",
    "bank_module",
    "coverage",
    "cut_file",
    "cut_rate",
    "cut_score",
    "form_preview",
    "item_drafts",
    "item_edit",
    "item_new",
    "practice",
    "practice_summary",
    "quiz_detail",
]
