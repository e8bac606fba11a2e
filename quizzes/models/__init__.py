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
from quizzes.models.practice import PracticeAnswer

__all__ = [
    "Accommodation",
    "Attempt",
    "AttemptGrant",
    "AttemptItem",
    "AttemptItemPoint",
    "Candidacy",
    "Mark",
    "Outcome",
    "PracticeAnswer",
    "Question",
    "QuestionPoint",
    "QuestionVersion",
    "Quiz",
    "QuizVersion",
    "Response",
    "Review",
    "Seal",
]
