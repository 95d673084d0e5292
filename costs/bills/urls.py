from django.urls import path

from costs.bills import views

app_name = "bills"
urlpatterns = [
    path("bills/", views.sources, name="sources"),
    path("bills/<int:pk>/rejects/", views.rejects, name="rejects"),
    path("bills/<int:pk>/rejects.csv", views.rejects_csv, name="rejects_csv"),
]
