from django.urls import path

from costs.bills.views import (
    bill,
    connections,
    manual,
    mappings,
    matrix,
    rejects,
    space,
    uploads,
)

app_name = "bills"
urlpatterns = [
    path("bills/", matrix.sources, name="sources"),
    path("bills.csv", matrix.sources_csv, name="sources_csv"),
    path("bills/space/", space.space, name="space"),
    path("bills/space.csv", space.space_csv, name="space_csv"),
    path("bills/upload/", uploads.upload, name="upload"),
    path("bills/uploads/<int:pk>/", uploads.uploaded, name="uploaded"),
    path("bills/mappings/", mappings.mappings, name="mappings"),
    path("bills/mappings.csv", mappings.mappings_csv, name="mappings_csv"),
    path("bills/mappings/new/", mappings.new_mapping, name="new_mapping"),
    path("bills/mappings/<int:pk>/", mappings.mapping, name="mapping"),
    path("bills/mappings/<int:pk>/sample/", mappings.new_sample, name="new_sample"),
    path("bills/mappings/<int:pk>/remove/", mappings.remove_mapping, name="remove_mapping"),
    path("bills/entered/", manual.charges, name="manual_charges"),
    path("bills/entered.csv", manual.charges_csv, name="manual_charges_csv"),
    path("bills/entered/new/", manual.new_charge, name="new_manual_charge"),
    path("bills/entered/<int:pk>/", manual.charge, name="manual_charge"),
    path("bills/entered/<int:pk>/remove/", manual.remove_charge, name="remove_manual_charge"),
    path("bills/uploads/<int:pk>/again/", uploads.upload_again, name="upload_again"),
    path("bills/connections/", connections.connections, name="connections"),
    path("bills/connections.csv", connections.connections_csv, name="connections_csv"),
    path("bills/connections/new/", connections.new_connection, name="new_connection"),
    path("bills/connections/new/<slug:kind>/", connections.add_connection, name="add_connection"),
    path("bills/connections/<int:pk>/", connections.connection, name="connection"),
    path("bills/connections/<int:pk>/edit/", connections.edit_connection, name="edit_connection"),
    path("bills/connections/<int:pk>/run/", connections.run_connection, name="run_connection"),
    path(
        "bills/connections/<int:pk>/pause/", connections.pause_connection, name="pause_connection"
    ),
    path(
        "bills/connections/<int:pk>/remove/",
        connections.remove_connection,
        name="remove_connection",
    ),
    path(
        "bills/connections/<int:pk>/deliveries.csv",
        connections.deliveries_csv,
        name="deliveries_csv",
    ),
    path("bills/files/<int:pk>/raw", bill.raw, name="raw"),
    path("bills/<int:pk>/rejects/", rejects.rejects, name="rejects"),
    path("bills/<int:pk>/rejects.csv", rejects.rejects_csv, name="rejects_csv"),
    path("bills/<str:source>/<str:month>/", bill.bill, name="bill"),
    path("bills/<str:source>/<str:month>/decision/", bill.decision, name="decision"),
]
