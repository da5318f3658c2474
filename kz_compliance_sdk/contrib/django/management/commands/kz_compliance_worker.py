"""`manage.py kz_compliance_worker`: the worker."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from kz_compliance_sdk.contrib.django.office import desk
from kz_compliance_sdk.faces.worker import Worker


class Command(BaseCommand):
    """Any number may run."""

    help = "Carry out, report, watch the clocks and read the regulator's feed, until SIGTERM or SIGINT."

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until told to stop."""
        with desk() as opened:
            Worker(opened).serve()
        desk.made = None
