"""`manage.py kz_compliance_upgrade`: the store of the cases, which Django's own migrations leave alone."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from kz_compliance_sdk import assembly
from kz_compliance_sdk.contrib.django.office import load
from kz_compliance_sdk.ports import Env


class Command(BaseCommand):
    """To be run beside `migrate`, at each release."""

    help = "Create the store of the cases where there is none, and bring its schema up to date."

    def handle(self, *args: Any, **options: Any) -> None:
        """Open the store once."""
        given = load()
        upgrades = given.model_copy(update={"store": given.store.model_copy(update={"upgrade_on_start": True})})
        assembly.open_store(upgrades, Env.system(), create=True).close()
        self.stdout.write("The store of the cases is up to date.")
