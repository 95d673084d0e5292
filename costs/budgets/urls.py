from django.urls import path

from costs.budgets import anomaly_views, views

app_name = "budgets"
urlpatterns = [
    path("anomalies/", anomaly_views.anomalies, name="anomalies"),
    path("anomalies.csv", anomaly_views.anomalies_csv, name="anomalies_csv"),
    path("anomalies/<int:pk>/acknowledge/", anomaly_views.acknowledge, name="acknowledge"),
    path("anomalies/<int:pk>/reopen/", anomaly_views.reopen, name="reopen"),
    path("budgets/", views.bands, name="bands"),
    path("budgets/history.csv", views.history_csv, name="history_csv"),
    path("budgets/year.csv", views.year_csv, name="year_csv"),
    path("budgets/<slug:environment>/", views.band, name="band"),
    path("budgets/<slug:environment>/driver/", views.driver, name="driver"),
]
