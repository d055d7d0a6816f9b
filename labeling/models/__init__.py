"""What is: fields, constraints and indexes. What changes them is in labeling.services."""

from labeling.models.annotations import Annotation
from labeling.models.background import Work, WorkState
from labeling.models.counts import PersonCount, ProjectCount, QueueCount
from labeling.models.duplicates import (
    DuplicateGroup,
    DuplicateMember,
    DuplicateSearch,
    GroupKind,
    GroupState,
    SplitLink,
)
from labeling.models.events import Event
from labeling.models.people import ApiToken, Membership, Role, User
from labeling.models.projects import GuidelinesVersion, Project
from labeling.models.prompts import Candidate, CandidateOrigin, Prompt, PromptImport, RejectedLine
from labeling.models.queues import (
    BatchPriority,
    Bookmark,
    Draft,
    FormVersion,
    Opening,
    OpenTo,
    Ordering,
    Queue,
    QueuePerson,
    QueueState,
    SkipReason,
    Slot,
    SlotState,
    Task,
    TaskState,
)
from labeling.models.reviews import REPLACED, Review, ReviewHold, Verdict
from labeling.models.webhooks import Delivery, DeliveryState, EventType, Webhook, WebhookState

__all__ = [
    "REPLACED",
    "Annotation",
    "ApiToken",
    "BatchPriority",
    "Bookmark",
    "Candidate",
    "CandidateOrigin",
    "Delivery",
    "DeliveryState",
    "Draft",
    "DuplicateGroup",
    "DuplicateMember",
    "DuplicateSearch",
    "Event",
    "EventType",
    "FormVersion",
    "GroupKind",
    "GroupState",
    "GuidelinesVersion",
    "Membership",
    "OpenTo",
    "Opening",
    "Ordering",
    "PersonCount",
    "Project",
    "ProjectCount",
    "Prompt",
    "PromptImport",
    "Queue",
    "QueueCount",
    "QueuePerson",
    "QueueState",
    "RejectedLine",
    "Review",
    "ReviewHold",
    "Role",
    "SkipReason",
    "Slot",
    "SlotState",
    "SplitLink",
    "Task",
    "TaskState",
    "User",
    "Verdict",
    "Webhook",
    "WebhookState",
    "Work",
    "WorkState",
]
