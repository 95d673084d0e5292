from django.urls import path

from costs.bills.views import (
    allocation,
    allocation_draft,
    allocation_environment,
    allocation_rule,
    unallocated,
)

app_name = "allocation"
urlpatterns = [
    path("allocation/", allocation.rules, name="rules"),
    path("allocation/changes/", allocation_draft.changes, name="changes"),
    path("allocation/undo/", allocation_draft.undo, name="undo"),
    path("allocation/discard/", allocation_draft.discard, name="discard"),
    path("allocation/retry/", allocation_draft.retry, name="retry"),
    path("allocation/restore/<int:pk>/", allocation_draft.restore, name="restore"),
    path("allocation/rules/new/", allocation_rule.new_rule, name="new_rule"),
    path("allocation/rules/<slug:rule>/", allocation_rule.rule, name="rule"),
    path("allocation/rules/<slug:rule>/move/", allocation_rule.move_rule, name="move_rule"),
    path("allocation/rules/<slug:rule>/remove/", allocation_rule.remove_rule, name="remove_rule"),
    path(
        "allocation/environments/new/",
        allocation_environment.new_environment,
        name="new_environment",
    ),
    path(
        "allocation/environments/<slug:environment>/",
        allocation_environment.environment,
        name="environment",
    ),
    path(
        "allocation/environments/<slug:environment>/remove/",
        allocation_environment.remove_environment,
        name="remove_environment",
    ),
    path("allocation/unallocated/", unallocated.unallocated, name="unallocated"),
    path("allocation/unallocated.csv", unallocated.unallocated_csv, name="unallocated_csv"),
]
