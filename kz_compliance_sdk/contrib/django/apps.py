"""The application."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks


class KzComplianceConfig(AppConfig):
    """What INSTALLED_APPS names by its package."""

    name = "kz_compliance_sdk.contrib.django"
    label = "kz_compliance"
    verbose_name = "Removal notices"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        from kz_compliance_sdk.contrib.django.checks import check

        checks.register(check)
