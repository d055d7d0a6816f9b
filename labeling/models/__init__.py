"""What is: fields, constraints and indexes. What changes them is in labeling.services."""

from labeling.models.annotations import Annotation
from labeling.models.events import Event
from labeling.models.people import ApiToken, Membership, Role, User
from labeling.models.projects import GuidelinesVersion, Project
from labeling.models.prompts import Candidate, CandidateOrigin, Prompt, PromptImport, RejectedLine
from labeling.models.queues import (
    Draft,
    FormVersion,
    Queue,
    QueueState,
    SkipReason,
    Slot,
    SlotState,
    Task,
    TaskState,
)

__all__ = [
    "Annotation",
    "ApiToken",
    "Candidate",
    "CandidateOrigin",
    "Draft",
    "Event",
    "FormVersion",
    "GuidelinesVersion",
    "Membership",
    "Project",
    "Prompt",
    "PromptImport",
    "Queue",
    "QueueState",
    "RejectedLine",
    "Role",
    "SkipReason",
    "Slot",
    "SlotState",
    "Task",
    "TaskState",
    "User",
]
