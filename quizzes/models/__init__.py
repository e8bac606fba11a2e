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
from quizzes.models.standard import CutFile, Panel, Rating

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
    "CutFile",
    "Disposition",
    "Enquiry",
    "EnquiryAnswer",
    "LateAnswer",
    "Mark",
    "Outcome",
    "Panel",
    "PracticeAnswer",
    "Question",
    "QuestionPoint",
    "QuestionVersion",
    "Quiz",
    "QuizVersion",
    "Rating",
    "Regrade",
    "Response",
    "Review",
    "Seal",
]
