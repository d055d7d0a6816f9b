"""Who may see generators: managers of their project."""

from __future__ import annotations

from labeling import access
from labeling.errors import NotFound
from labeling.models import Candidate, Role
from workers.models import Generator


def get_generator(user: access.Person, slug: str, generator_id: int) -> Generator:
    """The generator, for managers of its project. Raises NotFound or NotAllowed."""
    project = access.get_project(user, slug, least=Role.MANAGER)
    generator = Generator.objects.select_related("project").filter(project=project, pk=generator_id).first()
    if generator is None:
        raise NotFound("There is no such generator.")
    return generator


def get_candidate(user: access.Person, slug: str, candidate_id: int) -> Candidate:
    """A candidate of the project's prompts, for its managers. Raises NotFound or NotAllowed."""
    project = access.get_project(user, slug, least=Role.MANAGER)
    found = Candidate.objects.select_related("prompt").filter(prompt__project=project, pk=candidate_id).first()
    if found is None:
        raise NotFound("There is no such candidate.")
    return found
