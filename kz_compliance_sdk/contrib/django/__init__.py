"""Django: an application for INSTALLED_APPS, its urls, commands, system checks, and cases to read in the admin.

INSTALLED_APPS = [..., "kz_compliance_sdk.contrib.django"]
KZ_COMPLIANCE = {"enforcer": "photos.enforcement.PhotoEnforcer", "settings": {"platform_id": "photos", ...}}
urlpatterns = [path("kz/", include("kz_compliance_sdk.contrib.django.urls"))]
"""
