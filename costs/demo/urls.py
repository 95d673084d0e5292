from django.urls import path

from costs.demo import views

app_name = "demo"
urlpatterns = [
    path("demo/load/", views.load, name="load"),
    path("demo/loading/", views.loading, name="loading"),
]
