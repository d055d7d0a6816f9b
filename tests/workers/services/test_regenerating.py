"""Another candidate in the place of one, and a candidate made again to see whether it is the same."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from labeling.errors import Conflict
from labeling.models import Candidate, Event
from labeling.services import slots
from tests import make
from tests.workers.services.given import echo, run
from workers.models import Generation
from workers.services import generations, generators, replaying

pytestmark = pytest.mark.django_db


class TestRegenerate:
    def test_it_works(self) -> None:
        project = make.project()
        queue = make.queue(project, preset="ranking")
        echo(project)
        (prompt,) = make.imported(project, 1)
        run()
        old = prompt.candidates.order_by("pk")[0]
        generations.regenerate(old, by=make.manager(project))
        prompt.refresh_from_db()
        assert (prompt.candidates_count, prompt.candidates_awaited) == (1, 1)
        assert queue.tasks.count() == 0
        run()
        new = prompt.candidates.order_by("pk").last()
        assert new is not None
        assert new.text != old.text
        assert new.seed != old.seed
        assert old.pk not in queue.tasks.get().candidate_ids
        assert new.pk in queue.tasks.get().candidate_ids
        old.refresh_from_db()
        assert old.retired_at is not None
        assert Event.objects.filter(verb="candidate.regenerated").count() == 1

    def test_what_somebody_has_begun_keeps_what_it_shows(self) -> None:
        ann = make.person()
        project = make.project(annotators=[ann])
        queue = make.queue(project, preset="ranking")
        echo(project)
        (prompt,) = make.imported(project, 1)
        run()
        slot = slots.take_next(queue, by=ann)
        assert slot is not None
        old = prompt.candidates.order_by("pk")[0]
        generations.regenerate(old, by=make.manager(project))
        run()
        task = queue.tasks.get()
        assert task == slot.task
        assert old.pk in task.candidate_ids

    def test_twice_for_the_same_candidate_is_refused(self) -> None:
        project = make.project()
        echo(project)
        (prompt,) = make.imported(project, 1)
        run()
        old = prompt.candidates.order_by("pk")[0]
        generations.regenerate(old, by=make.manager(project))
        with pytest.raises(Conflict, match="put aside already"):
            generations.regenerate(old, by=make.manager(project))
        assert Generation.objects.filter(state="pending").count() == 1

    def test_it_is_refused_where_no_other_one_could_come(self) -> None:
        project = make.project()
        generator = echo(project, candidates_per_prompt=1, sampling={"temperature": 0})
        (prompt,) = make.imported(project, 1, candidates=1)
        run()
        imported, made = prompt.candidates.order_by("pk")
        with pytest.raises(Conflict, match="No generator of this project made it"):
            generations.regenerate(imported, by=make.manager(project))
        with pytest.raises(Conflict, match="temperature 0"):
            generations.regenerate(made, by=make.manager(project))
        generators.set_state(generator, "paused", by=make.manager(project))
        with pytest.raises(Conflict, match="Set it going first"):
            generations.regenerate(made, by=make.manager(project))


class TestReplay:
    def test_it_works(self) -> None:
        project = make.project()
        echo(project, system="Be kind.", sampling={"temperature": 1.0, "seed": 7})
        make.imported(project, 1, context=[{"title": "Rules", "text": "Seven days."}])
        run()
        for candidate in Candidate.objects.all():
            out = io.StringIO()
            call_command("replay", str(candidate.pk), stdout=out)
            assert out.getvalue() == "same\n"

    def test_it_says_what_differs(self) -> None:
        project = make.project()
        echo(project, candidates_per_prompt=1)
        make.imported(project, 1)
        run()
        candidate = Candidate.objects.get()
        candidate.text = candidate.text[:10] + "#" + candidate.text[10:]
        candidate.provenance["versions"] = {"annotate": "0.0.1"}
        candidate.save()
        out = io.StringIO()
        with pytest.raises(SystemExit) as ended:
            call_command("replay", str(candidate.pk), "--json", stdout=out)
        assert ended.value.code == 1
        said = json.loads(out.getvalue())
        assert not said["same"]
        assert [one["what"] for one in said["differences"]] == ["versions", "the text from character 11 on"]
        assert said["differences"][1]["then"].startswith("…'#")

    def test_what_was_not_generated_here_cannot_be_made_again(self) -> None:
        project = make.project()
        make.imported(project, 1, candidates=1)
        with pytest.raises(replaying.CannotReplay, match="not generated here"):
            replaying.replay(Candidate.objects.get())
        with pytest.raises(CommandError, match="There is no candidate 0"):
            call_command("replay", "0")

    def test_a_response_made_after_others_were_dropped_is_made_again_alike(self) -> None:
        project = make.project()
        echo(project, candidates_per_prompt=1)
        make.imported(project, 1)
        run()
        generations.regenerate(Candidate.objects.get(), by=make.manager(project))
        run()
        for candidate in Candidate.objects.all():
            assert replaying.replay(candidate).same
