from quizzes.models.attempts import (
    Accommodation,
    Attempt,
    AttemptGrant,
    AttemptItem,
    AttemptItemPoint,
    Candidacy,
    Mark,
    Outcome,
    Response,
    Review,
    Seal,
)
from quizzes.models.bank import Question, QuestionPoint, QuestionVersion, Quiz, QuizVersion

__all__ = [
    "Accommodation",
    "Attempt",
    "AttemptGrant",
    "AttemptItem",
    "AttemptItemPoint",
    "Candidacy",
    "Mark",
    "Outcome",
    "Question",
    "QuestionPoint",
    "QuestionVersion",
    "Quiz",
    "QuizVersion",
    "Response",
    "Review",
    "Seal",
]
