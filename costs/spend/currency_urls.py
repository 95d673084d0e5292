"""URLs of exchange rates."""

from __future__ import annotations

from django.urls import path

from costs.spend.views import currencies

app_name = "currencies"

urlpatterns = [
    path("currencies/", currencies.rates, name="rates"),
    path("currencies/rate/", currencies.rate, name="rate"),
    path("currencies/display/", currencies.display, name="display"),
    path("currencies/import/", currencies.import_rates, name="import_rates"),
    path("currencies/rates.csv", currencies.rates_csv, name="rates_csv"),
    path("currencies/history.csv", currencies.history_csv, name="history_csv"),
]
