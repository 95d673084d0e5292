from django.urls import path

from costs.bills.views import allocation, unallocated

app_name = "allocation"
urlpatterns = [
    path("allocation/", allocation.rules, name="rules"),
    path("allocation/changes/", allocation.changes, name="changes"),
    path("allocation/undo/", allocation.undo, name="undo"),
    path("allocation/discard/", allocation.discard, name="discard"),
    path("allocation/retry/", allocation.retry, name="retry"),
    path("allocation/restore/<int:pk>/", allocation.restore, name="restore"),
    path("allocation/rules/new/", allocation.new_rule, name="new_rule"),
    path("allocation/rules/<slug:rule>/", allocation.rule, name="rule"),
    path("allocation/rules/<slug:rule>/move/", allocation.move_rule, name="move_rule"),
    path("allocation/rules/<slug:rule>/remove/", allocation.remove_rule, name="remove_rule"),
    path("allocation/environments/new/", allocation.new_environment, name="new_environment"),
    path(
        "allocation/environments/<slug:environment>/",
        allocation.environment,
        name="environment",
    ),
    path(
        "allocation/environments/<slug:environment>/remove/",
        allocation.remove_environment,
        name="remove_environment",
    ),
    path("allocation/unallocated/", unallocated.unallocated, name="unallocated"),
    path("allocation/unallocated.csv", unallocated.unallocated_csv, name="unallocated_csv"),
]
