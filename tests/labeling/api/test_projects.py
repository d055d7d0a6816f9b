from __future__ import annotations

from labeling.models import Project, Role, User
from labeling.services import projects
from tests import make
from tests.labeling.api.checked import Speaker


def test_it_works(as_: Speaker, alice: User, project: Project) -> None:
    made = as_(alice).post("/api/projects/", {"name": "Short poems", "guidelines": "Be brief."})
    assert made.status_code == 201
    assert made.json()["slug"] == "short-poems"
    assert made.json()["role"] == "manager"
    assert projects.guidelines_of(Project.objects.get(slug="short-poems")).text == "Be brief."


def test_it_counts_what_is_in_a_project_and_in_each_queue(
    as_: Speaker, alice: User, ann: User, project: Project
) -> None:
    make.imported(project, 3, candidates=2)
    writing = make.queue(project, slug="writing", overlap=2)
    ranking = make.queue(project, slug="ranking", preset="ranking")
    make.written(writing, ann)
    make.written(writing, alice)
    found = as_(ann).get("/api/projects/haiku/").json()
    assert found["counts"] == {
        "prompts": 3,
        "candidates": 6,
        "tasks": 6,
        "tasks_done": 1,
        "slots": {"open": 7, "leased": 0, "submitted": 2, "skipped": 0},
        "annotations": 2,
    }
    counts = {queue["id"]: queue["counts"] for queue in found["queues"]}
    assert counts[writing.pk]["slots"] == {"open": 4, "leased": 0, "submitted": 2, "skipped": 0}
    assert counts[writing.pk]["tasks_done"] == 1
    assert counts[ranking.pk]["tasks"] == 3
    assert counts[ranking.pk]["annotations"] == 0


def test_everyone_sees_the_projects_that_they_are_in(
    as_: Speaker, alice: User, ann: User, charlie: User, project: Project
) -> None:
    make.project(alice, slug="other")
    root = User.objects.create_superuser("root@example.org")

    def seen_by(user: User) -> list[tuple[str, str]]:
        return [(found["slug"], found["role"]) for found in as_(user).get("/api/projects/").json()["results"]]

    assert seen_by(alice) == [("haiku", "manager"), ("other", "manager")]
    assert seen_by(ann) == [("haiku", "annotator")]
    assert seen_by(charlie) == []
    assert seen_by(root) == [("haiku", "manager"), ("other", "manager")]


def test_managers_change_what_is_said_of_a_project(as_: Speaker, alice: User, ann: User, project: Project) -> None:
    sent = {"name": "Poems", "license": "cc-by-4.0"}
    found = as_(alice).patch("/api/projects/haiku/", sent)
    assert found.status_code == 200
    assert {name: found.json()[name] for name in sent} == sent
    assert as_(ann).get("/api/projects/").json()["results"][0]["license"] == "cc-by-4.0"
    assert as_(ann).patch("/api/projects/haiku/", {"name": "Mine"}).status_code == 403
    refused = as_(alice).patch("/api/projects/haiku/", {"license": "mine"})
    assert (refused.status_code, [one["path"] for one in refused.json()["errors"]]) == (400, ["license"])
    assert as_(alice).patch("/api/projects/haiku/", {"licence": "mit"}).status_code == 400
    assert as_(alice).get("/api/projects/haiku/").json()["name"] == "Poems"


def test_charlie_cannot_tell_a_project_from_a_wrong_address(as_: Speaker, charlie: User, project: Project) -> None:
    there, wrong = as_(charlie).get("/api/projects/haiku/"), as_(charlie).get("/api/projects/none/")
    assert (there.status_code, there.json()) == (404, wrong.json())


def test_only_managers_and_staff_make_projects(as_: Speaker, alice: User, ann: User, project: Project) -> None:
    assert as_(ann).post("/api/projects/", {"name": "Mine"}).status_code == 403
    User.objects.filter(pk=ann.pk).update(is_staff=True)
    assert as_(ann).post("/api/projects/", {"name": "Mine"}).status_code == 201


def test_a_taken_address_is_a_conflict_and_a_bad_one_says_where(as_: Speaker, alice: User, project: Project) -> None:
    taken = as_(alice).post("/api/projects/", {"name": "Another", "slug": "haiku"})
    assert (taken.status_code, taken.json()["code"]) == (409, "conflict")
    bad = as_(alice).post("/api/projects/", {"name": "Another", "slug": "Not a slug!"})
    assert (bad.status_code, bad.json()["errors"][0]["path"]) == (400, "slug")


def test_a_field_with_a_typo_is_not_lost_silently(as_: Speaker, alice: User, project: Project) -> None:
    answer = as_(alice).post("/api/projects/", {"name": "Another", "guidelnes": "Be brief."})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "guidelnes")
    assert not Project.objects.filter(name="Another").exists()


def test_lists_come_in_pages(as_: Speaker, alice: User, project: Project) -> None:
    for number in range(4):
        make.project(alice, slug=f"more-{number}")
    client, seen, address = as_(alice), [], "/api/projects/?limit=2"
    while address:
        answer = client.get(address).json()
        seen.append([found["slug"] for found in answer["results"]])
        address = answer["next"]
    assert seen == [["haiku", "more-0"], ["more-1", "more-2"], ["more-3"]]


def test_members_are_added_once_and_change_their_role(as_: Speaker, alice: User, project: Project) -> None:
    client = as_(alice)
    first = client.post("/api/projects/haiku/members/", {"email": "New@Example.org", "role": "annotator"})
    again = client.post("/api/projects/haiku/members/", {"email": "new@example.org", "role": "annotator"})
    changed = client.post("/api/projects/haiku/members/", {"email": "new@example.org", "role": "reviewer"})
    assert [first.status_code, again.status_code, changed.status_code] == [201, 200, 200]
    assert first.json() == again.json()
    assert changed.json()["role"] == "reviewer"
    assert not User.objects.get(email="new@example.org").has_usable_password()


def test_members_are_listed_and_removed_by_managers_alone(
    as_: Speaker, alice: User, ann: User, charlie: User, project: Project
) -> None:
    address = "/api/projects/haiku/members/"
    members = {found["email"]: found["id"] for found in as_(alice).get(address).json()["results"]}
    assert set(members) == {alice.email, ann.email}
    for user, status in ((ann, 403), (charlie, 404)):
        assert as_(user).get(address).status_code == status
        assert as_(user).post(address, {"email": "x@example.org", "role": "manager"}).status_code == status
        assert as_(user).delete(f"{address}{members[ann.email]}/").status_code == status
    assert as_(alice).delete(f"{address}{members[ann.email]}/").status_code == 204
    assert as_(ann).get("/api/projects/haiku/").status_code == 404


def test_the_last_manager_stays(as_: Speaker, alice: User, project: Project) -> None:
    client = as_(alice)
    demoted = client.post("/api/projects/haiku/members/", {"email": alice.email, "role": "annotator"})
    assert (demoted.status_code, demoted.json()["code"]) == (409, "conflict")
    own = project.memberships.get(user=alice)
    assert client.delete(f"/api/projects/haiku/members/{own.pk}/").status_code == 409
    assert own.role == Role.MANAGER


def test_a_member_of_another_project_is_not_found_here(as_: Speaker, alice: User, project: Project) -> None:
    elsewhere = make.project(annotators=[make.person("zoe")])
    other = elsewhere.memberships.get(user__email="zoe@example.org")
    assert as_(alice).delete(f"/api/projects/haiku/members/{other.pk}/").status_code == 404
