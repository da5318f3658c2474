"""No table: the name under which the admin shows cases, and the permission to see them there."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class _None(models.Manager["Case"]):
    """Finds nothing, for whoever asks all models, as `manage.py dumpdata` does."""

    def get_queryset(self) -> models.QuerySet[Case]:
        return super().get_queryset().none()


class Case(models.Model):
    """A case of the desk, which has a store of its own."""

    objects: ClassVar[_None] = _None()

    class Meta:
        managed = False
        default_permissions = ("view",)
        verbose_name = "case"
        verbose_name_plural: ClassVar[str] = "cases"
