"""The server's single address: dj-stripe's own view, which receives the load."""

from __future__ import annotations

from django.urls import path
from djstripe.views import ProcessWebhookView

from bench.peers.dj_stripe import ENDPOINT

urlpatterns = [path("webhooks/stripe", ProcessWebhookView.as_view(), {"uuid": ENDPOINT})]
