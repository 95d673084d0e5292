"""URLs of the weekly review."""

from __future__ import annotations

from django.urls import path

from costs.review import views

app_name = "review"

urlpatterns = [
    path("", views.current, name="current"),
    path("weeks/<str:name>/", views.week, name="week"),
    path("weeks/<str:name>/services.csv", views.services_csv, name="services_csv"),
    path("weeks/<str:name>/resources.csv", views.resources_csv, name="resources_csv"),
    path("weeks/<str:name>/days.csv", views.daily_csv, name="daily_csv"),
    path("weeks/<str:name>/bridge/", views.bridge, name="bridge"),
    path("weeks/<str:name>/bridge.csv", views.bridge_csv, name="bridge_csv"),
    path("weeks/<str:name>/month.csv", views.month_csv, name="month_csv"),
]
