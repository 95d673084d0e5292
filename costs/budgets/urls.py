from django.urls import path

from costs.budgets import views

app_name = "budgets"
urlpatterns = [
    path("budgets/", views.bands, name="bands"),
    path("budgets/history.csv", views.history_csv, name="history_csv"),
    path("budgets/year.csv", views.year_csv, name="year_csv"),
    path("budgets/<slug:environment>/", views.band, name="band"),
    path("budgets/<slug:environment>/driver/", views.driver, name="driver"),
]
