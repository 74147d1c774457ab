"""The server's only URL: dj-stripe's own webhook view, which receives the load."""

from __future__ import annotations

from django.urls import path
from djstripe.views import ProcessWebhookView

from bench.peers.dj_stripe import ENDPOINT

urlpatterns = [path("webhooks/stripe", ProcessWebhookView.as_view(), {"uuid": ENDPOINT})]
