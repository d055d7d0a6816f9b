"""The pages of the domain, by who uses them."""

from django.urls import path

from labeling.views import (
    account,
    duplicates,
    form_preview,
    forms,
    guidelines,
    history,
    home,
    imports,
    labelling,
    members,
    projects,
    prompts,
    queue_live,
    queues,
)

urlpatterns = [
    # Everybody
    path("", home.home, name="home"),
    path("login/", account.login, name="login"),
    path("logout/", account.logout, name="logout"),
    path("welcome/<str:uidb64>/<str:token>/", account.welcome, name="welcome"),
    path("profile/", account.profile, name="profile"),
    path("profile/tokens/", account.create_token, name="token-create"),
    path("profile/tokens/<int:token_id>/revoke/", account.revoke_token, name="token-revoke"),
    # Annotators
    path("label/<int:queue_id>/", labelling.label, name="label"),
    path("label/<int:queue_id>/submit/", labelling.submit, name="label-submit"),
    path("label/<int:queue_id>/skip/", labelling.skip, name="label-skip"),
    path("label/<int:queue_id>/leave/", labelling.leave, name="label-leave"),
    path("label/<int:queue_id>/undo/", labelling.undo, name="label-undo"),
    path("label/<int:queue_id>/ahead/", labelling.ahead, name="label-ahead"),
    path("label/<int:queue_id>/ahead/leave/", labelling.ahead_leave, name="label-ahead-leave"),
    path("label/<int:queue_id>/done/", history.index, name="label-history"),
    path("label/<int:queue_id>/done/<int:slot_id>/", history.correct, name="label-correct"),
    path("label/preview/", labelling.preview, name="label-preview"),
    path("projects/<slug:slug>/guidelines/met/", labelling.meet_guidelines, name="guidelines-met"),
    # Managers
    path("projects/new/", projects.create, name="project-create"),
    path("projects/<slug:slug>/", projects.overview, name="project"),
    path("projects/<slug:slug>/guidelines/", guidelines.edit, name="guidelines"),
    path("projects/<slug:slug>/members/", members.index, name="members"),
    path("projects/<slug:slug>/members/<int:membership_id>/", members.detail, name="member"),
    path("projects/<slug:slug>/members/<int:membership_id>/invite/", members.invite, name="member-invite"),
    path("projects/<slug:slug>/members/<int:membership_id>/remove/", members.remove, name="member-remove"),
    path("projects/<slug:slug>/prompts/", prompts.index, name="prompts"),
    path("projects/<slug:slug>/prompts/<int:prompt_id>/", prompts.detail, name="prompt"),
    path("projects/<slug:slug>/imports/", imports.index, name="imports"),
    path("projects/<slug:slug>/imports/<int:import_id>/", imports.detail, name="import"),
    path("projects/<slug:slug>/imports/<int:import_id>/cancel/", imports.cancel, name="import-cancel"),
    path("projects/<slug:slug>/imports/<int:import_id>/rejected/", imports.rejected, name="import-rejected"),
    path("projects/<slug:slug>/duplicates/", duplicates.index, name="duplicates"),
    path("projects/<slug:slug>/duplicates/cancel/", duplicates.cancel, name="duplicates-cancel"),
    path("projects/<slug:slug>/duplicates/<int:group_id>/", duplicates.judge, name="duplicates-judge"),
    path("projects/<slug:slug>/queues/", queues.index, name="queues"),
    path("projects/<slug:slug>/queues/new/", queues.create, name="queue-create"),
    path("projects/<slug:slug>/queues/<int:queue_id>/", queues.detail, name="queue"),
    path("projects/<slug:slug>/queues/<int:queue_id>/settings/", queues.settings, name="queue-settings"),
    path("projects/<slug:slug>/queues/<int:queue_id>/live/", queue_live.index, name="queue-live"),
    path("projects/<slug:slug>/queues/<int:queue_id>/skips/", queue_live.skips, name="queue-skips"),
    path("projects/<slug:slug>/queues/<int:queue_id>/tasks/<int:task_id>/act/", queue_live.act, name="task-act"),
    path("projects/<slug:slug>/queues/<int:queue_id>/form/", forms.edit, name="queue-form"),
    path("projects/<slug:slug>/forms/preview/", form_preview.preview, name="form-preview"),
    path(
        "projects/<slug:slug>/queues/<int:queue_id>/slots/<int:slot_id>/release/", queues.release, name="slot-release"
    ),
    path("projects/<slug:slug>/events/", projects.event_log, name="events"),
]
