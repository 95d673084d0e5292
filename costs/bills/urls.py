from django.urls import path

from costs.bills.views import bill, matrix, rejects, space, uploads

app_name = "bills"
urlpatterns = [
    path("bills/", matrix.sources, name="sources"),
    path("bills.csv", matrix.sources_csv, name="sources_csv"),
    path("bills/space/", space.space, name="space"),
    path("bills/space.csv", space.space_csv, name="space_csv"),
    path("bills/upload/", uploads.upload, name="upload"),
    path("bills/uploads/<int:pk>/", uploads.uploaded, name="uploaded"),
    path("bills/files/<int:pk>/raw", bill.raw, name="raw"),
    path("bills/<int:pk>/rejects/", rejects.rejects, name="rejects"),
    path("bills/<int:pk>/rejects.csv", rejects.rejects_csv, name="rejects_csv"),
    path("bills/<str:source>/<str:month>/", bill.bill, name="bill"),
    path("bills/<str:source>/<str:month>/decision/", bill.decision, name="decision"),
]
