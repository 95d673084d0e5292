"""URLs of what was spent."""

from __future__ import annotations

from django.urls import path

from costs.spend.views import charges, explore, resource, saved_views

app_name = "spend"

urlpatterns = [
    path("costs/", explore.explore, name="explore"),
    path("costs/groups.csv", explore.explore_csv, name="explore_csv"),
    path("costs/over-time.csv", explore.over_time_csv, name="over_time_csv"),
    path("costs/resource/", resource.resource, name="resource"),
    path("costs/charges/", charges.charges, name="charges"),
    path("costs/charges.csv", charges.charges_csv, name="charges_csv"),
    path("costs/views/save/", saved_views.save, name="save_view"),
    path("costs/views/<int:pk>/rename/", saved_views.rename, name="rename_view"),
    path("costs/views/<int:pk>/delete/", saved_views.delete, name="delete_view"),
]
