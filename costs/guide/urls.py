from django.urls import path

from costs.guide import views

app_name = "guide"
urlpatterns = [
    path("glossary/", views.glossary, name="glossary"),
    path("styleguide/", views.styleguide, name="styleguide"),
]
