"""`python -m bench.peers.dj_stripe DATABASE SECRET` serves Django with dj-stripe, and prints its port.

This is the cheapest set-up that still verifies and stores every event: one process, persistent connections,
hardly any middleware, no log line for each event, and a callback that leaves the handling to a later worker.
Without that callback dj-stripe asks Stripe for objects before it answers; this is not measured.
"""

from __future__ import annotations

import logging
import sys

import django
import waitress
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connections

from bench.peers.dj_stripe import ENDPOINT

THREADS = 4  # waitress' own default; more were slower


def leave_for_later(trigger: object, api_key: str) -> None:
    """Do nothing: the event is stored, and only storing is measured."""


def configure(database: str) -> None:
    sqlite = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": database,
        "CONN_MAX_AGE": None,
        "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", "timeout": 30},
    }
    applications = ["django.contrib.contenttypes", "django.contrib.auth", "djstripe"]
    settings.configure(
        SECRET_KEY="made up",  # noqa: S106 - nothing here is signed with it
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=f"{__package__}.urls",
        INSTALLED_APPS=applications,
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],  # says how long an answer is
        # The tables are created directly from the models, because running every migration takes a minute.
        MIGRATION_MODULES={name.rsplit(".", 1)[-1]: None for name in applications},
        DATABASES={"default": sqlite},
        USE_TZ=True,
        STRIPE_LIVE_MODE=False,
        STRIPE_TEST_SECRET_KEY="sk_test_bench",  # noqa: S106 - made up
        STRIPE_API_HOST="http://127.0.0.1:9",  # nobody is there, should it ever ask
        DJSTRIPE_FOREIGN_KEY_TO_FIELD="id",
        DJSTRIPE_WEBHOOK_EVENT_CALLBACK=leave_for_later,
    )
    django.setup()
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a warning for each request that waits


def fill(secret: str) -> None:
    call_command("migrate", run_syncdb=True, verbosity=0)
    apps.get_model("djstripe", "WebhookEndpoint").objects.create(
        id="we_bench",
        djstripe_uuid=ENDPOINT,
        secret=secret,
        livemode=False,
        enabled_events=["*"],
        url="http://127.0.0.1/webhooks/stripe",
    )
    connections.close_all()


if __name__ == "__main__":
    configure(sys.argv[1])
    fill(sys.argv[2])
    server = waitress.create_server(get_wsgi_application(), host="127.0.0.1", port=0, threads=THREADS)
    print(server.effective_port, flush=True)
    server.run()
