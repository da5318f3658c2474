"""`path("kz/", include("kz_compliance_sdk.contrib.django.urls"))`: below the path of `public_url`, the receiver at
`notices` and its health, and what moderators do below `moderation`.

A system check says whether the receiver is found where the regulator sends to.
"""

from __future__ import annotations

from django.urls import path

from kz_compliance_sdk.contrib.django import views
from kz_compliance_sdk.faces.operations import ROUTES

app_name = "kz_compliance"
urlpatterns = [
    path("notices", views.intake, name="intake"),
    path("notices/health", views.health, name="health"),
    *(
        path(f"moderation/{route.path.replace('{case_id}', '<uuid:case_id>')}", views.view_of(route), name=route.name)
        for route in ROUTES
    ),
]
