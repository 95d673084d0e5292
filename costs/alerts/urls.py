from django.urls import path

from costs.alerts.views import log, outbox, preview, recipients, rules

app_name = "alerts"
urlpatterns = [
    path("alerts/", log.log, name="log"),
    path("alerts.csv", log.log_csv, name="log_csv"),
    path("alerts/<int:pk>/", log.alert, name="alert"),
    path("alerts/<int:pk>/acknowledge/", log.acknowledge, name="acknowledge"),
    path("alerts/<int:pk>/reopen/", log.reopen, name="reopen"),
    path("alerts/<int:pk>/mute/", log.mute, name="mute"),
    path("alerts/<int:pk>/unmute/", log.unmute, name="unmute"),
    path("alerts/rules/", rules.rules, name="rules"),
    path("alerts/rules.csv", rules.rules_csv, name="rules_csv"),
    path("alerts/rules/<slug:alert_kind>/", rules.rule, name="rule"),
    path("alerts/recipients/", recipients.recipients, name="recipients"),
    path("alerts/recipients.csv", recipients.recipients_csv, name="recipients_csv"),
    path("alerts/recipients/new/", recipients.new_recipient, name="new_recipient"),
    path("alerts/recipients/<int:pk>/", recipients.recipient, name="recipient"),
    path(
        "alerts/recipients/<int:pk>/remove/", recipients.remove_recipient, name="remove_recipient"
    ),
    path("alerts/recipients/<int:pk>/test/", recipients.try_recipient, name="try_recipient"),
    path("alerts/timetable/", recipients.timetable, name="timetable"),
    path("alerts/outbox/", outbox.outbox, name="outbox"),
    path("alerts/outbox.csv", outbox.outbox_csv, name="outbox_csv"),
    path("alerts/outbox/<int:pk>/", outbox.message, name="message"),
    path("alerts/outbox/<int:pk>/again/", outbox.send_again, name="send_again"),
    path("alerts/outbox/<int:pk>/arrived/", outbox.it_arrived, name="it_arrived"),
    path("alerts/outbox/<int:pk>/drop/", outbox.drop, name="drop"),
    path("alerts/preview/", preview.preview, name="preview"),
    path("alerts/preview/<slug:mail>/", preview.preview_mail, name="preview_mail"),
]
