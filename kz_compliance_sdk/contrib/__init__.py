"""Adapters for what a platform runs on already: Django, FastAPI, Flask, Celery. Each needs its framework, which is
imported here alone."""
