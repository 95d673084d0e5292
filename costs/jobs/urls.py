from django.urls import path

from costs.jobs import views

app_name = "jobs"
urlpatterns = [
    path("background/", views.background, name="background"),
    path("background.csv", views.background_csv, name="background_csv"),
]
