from quizzes.models.attempts import (
    Accommodation,
    Attempt,
    AttemptGrant,
    AttemptItem,
    AttemptItemPoint,
    Candidacy,
    ClinicClock,
    Mark,
    Outcome,
    Response,
    Review,
    Seal,
)
from quizzes.models.bank import Approval, Question, QuestionPoint, QuestionVersion, Quiz, QuizVersion
from quizzes.models.enquiries import AnswerSeen, Enquiry, EnquiryAnswer
from quizzes.models.late import LateAnswer
from quizzes.models.practice import PracticeAnswer
from quizzes.models.regrades import Disposition, Regrade

__all__ = [
    "Accommodation",
    "AnswerSeen",
    "Approval",
    "Attempt",
    "AttemptGrant",
    "AttemptItem",
    "AttemptItemPoint",
    "Candidacy",
    "ClinicClock",
    "Disposition",
    "Enquiry",
    "EnquiryAnswer",
    "LateAnswer",
    "Mark",
    "Outcome",
    "PracticeAnswer",
    "Question",
    "QuestionPoint",
    "QuestionVersion",
    "Quiz",
    "QuizVersion",
    "Regrade",
    "Response",
    "Review",
    "Seal",
]
