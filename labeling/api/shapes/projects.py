"""What calls about projects, their members and tokens take and give."""

from __future__ import annotations

from rest_framework import serializers

from labeling.api.shapes.base import Fields, Known
from labeling.api.shapes.queues import QueueCounts, QueueSummary
from labeling.models import Role


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


class NewProject(Fields):
    name = serializers.CharField(max_length=1000)
    slug = serializers.CharField(required=False, allow_blank=True, max_length=1000)
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    guidelines = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False, help_text="Markdown.")


class Project(Fields):
    slug = serializers.CharField(source="project.slug")
    name = serializers.CharField(source="project.name")
    description = serializers.CharField(source="project.description", allow_blank=True)
    role = Known(Role.values, help_text="Yours in this project.")
    created_at = serializers.DateTimeField(source="project.created_at")


class ProjectDetail(Project):
    guidelines_version = serializers.IntegerField()
    counts = ProjectCounts()
    queues = QueueSummary(many=True)
