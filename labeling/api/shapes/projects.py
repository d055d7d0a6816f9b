"""What calls about projects, their members and tokens take and give."""

from __future__ import annotations

from rest_framework import serializers

from labeling.api.shapes.base import Fields, Known
from labeling.api.shapes.queues import QueueCounts, QueueSummary
from labeling.licenses import LICENSES
from labeling.models import Role
from labeling.services.projects import MAX_DESCRIPTION


class Credentials(Fields):
    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=4096, trim_whitespace=False)


class Token(Fields):
    token = serializers.CharField(help_text="Shown this once.")


class NewMember(Fields):
    email = serializers.CharField(max_length=254)
    role = Known(Role.values)


class Member(Fields):
    id = serializers.IntegerField(source="pk")
    email = serializers.CharField(source="user.email")
    name = serializers.CharField(source="user.name")
    role = Known(Role.values)
    skills = serializers.DictField(child=serializers.IntegerField())
    languages = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()


class MemberChange(Fields):
    role = Known(Role.values, required=False)
    skills = serializers.JSONField(required=False, help_text='{skill: level, 1 to 10}, such as {"medicine": 2}')
    languages = serializers.JSONField(required=False, help_text='Languages they read, such as ["en", "pt-BR"].')


class ProjectCounts(QueueCounts):
    prompts = serializers.IntegerField()
    candidates = serializers.IntegerField()


_LICENSE = f"Of the data: {', '.join(LICENSES)}, the address where another one can be read, or empty."


class NewProject(Fields):
    name = serializers.CharField(max_length=1000)
    slug = serializers.CharField(required=False, allow_blank=True, max_length=1000)
    description = serializers.CharField(required=False, allow_blank=True, max_length=MAX_DESCRIPTION)
    guidelines = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False, help_text="Markdown.")
    license = serializers.CharField(required=False, allow_blank=True, max_length=1000, help_text=_LICENSE)


class ProjectChange(Fields):
    name = serializers.CharField(required=False, max_length=1000)
    description = serializers.CharField(required=False, allow_blank=True, max_length=MAX_DESCRIPTION)
    license = serializers.CharField(required=False, allow_blank=True, max_length=1000, help_text=_LICENSE)


class Project(Fields):
    slug = serializers.CharField(source="project.slug")
    name = serializers.CharField(source="project.name")
    description = serializers.CharField(source="project.description", allow_blank=True)
    license = serializers.CharField(source="project.license", allow_blank=True, help_text=_LICENSE)
    role = Known(Role.values, help_text="Yours in this project.")
    created_at = serializers.DateTimeField(source="project.created_at")


class ProjectDetail(Project):
    guidelines_version = serializers.IntegerField()
    counts = ProjectCounts()
    queues = QueueSummary(many=True)
