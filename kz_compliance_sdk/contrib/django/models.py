"""No table: the name under which the admin shows cases, and the permission to see them there."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Case(models.Model):
    """A case of the desk, which has a store of its own."""

    class Meta:
        managed = False
        default_permissions = ("view",)
        verbose_name = "case"
        verbose_name_plural: ClassVar[str] = "cases"
