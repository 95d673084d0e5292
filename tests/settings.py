"""Settings of the tests: the product's own, in a data folder of this process, made cheap.

The environment of whoever runs them is left out: no test may reach an installation's database,
broker or lake. HEADROOM_TEST_DATABASE_URL alone is taken, to run them on PostgreSQL.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from config.env import NAMES

for _name in NAMES:
    os.environ.pop(_name, None)
_data_dir = Path(tempfile.mkdtemp(prefix="headroom-tests-"))
atexit.register(shutil.rmtree, _data_dir, ignore_errors=True)
# In os.environ, so that commands started as processes of their own find it too.
os.environ["HEADROOM_DATA_DIR"] = str(_data_dir)
os.environ["HEADROOM_SECRET_KEY"] = "known to everybody, for tests only " * 2
if _database_url := os.environ.get("HEADROOM_TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = _database_url

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, STORAGES  # noqa: E402

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, as in production: in memory, the threads of a live server would share a connection.
    DATABASES["default"]["TEST"] = {"NAME": str(_data_dir / "test.sqlite3")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_AUTOREFRESH = True
# Messages go nowhere: a test that is about the queue names a broker of its own.
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS = {}
# Commands that a test starts as processes of their own are the product, on this data folder and
# its SQLite; those that are to share the test's database are told its address.
os.environ.pop("DATABASE_URL", None)
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
