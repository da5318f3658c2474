"""A platform that shows photos, and hides what a person decided to hide."""
