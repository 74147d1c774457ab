"""The one address: dj-stripe's own view, where the load goes."""

from __future__ import annotations

from django.urls import path
from djstripe.views import ProcessWebhookView

from bench.peers.dj_stripe import ENDPOINT

urlpatterns = [path("webhooks/stripe", ProcessWebhookView.as_view(), {"uuid": ENDPOINT})]
