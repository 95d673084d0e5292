"""URLs of shared costs."""

from __future__ import annotations

from django.urls import path

from costs.spend.views import shared_costs

app_name = "shared"

urlpatterns = [
    path("shared-costs/", shared_costs.rules, name="rules"),
    path("shared-costs/undo/", shared_costs.undo, name="undo"),
    path("shared-costs/effect.csv", shared_costs.effect_csv, name="effect_csv"),
    path("shared-costs/history.csv", shared_costs.history_csv, name="history_csv"),
    path("shared-costs/rules/new/", shared_costs.new_rule, name="new_rule"),
    path("shared-costs/rules/<slug:rule>/", shared_costs.rule, name="rule"),
    path("shared-costs/rules/<slug:rule>/move/", shared_costs.move_rule, name="move_rule"),
    path("shared-costs/rules/<slug:rule>/remove/", shared_costs.remove_rule, name="remove_rule"),
]
