"""How bills come from the clouds by themselves: the only importers of boto3 and azure in bills.

A **connector** offers deliveries, brings one into a folder, and says which permission it lacks.
Connectors know nothing of Django, of the database or of settings: what they need is handed to
them, clock, sleep and chance included. Their packages are imported when one is opened, so that no
page waits for them. Credentials come from the standard chains of AWS and Azure alone.
"""
