"""The conformance kit against this platform's own intake: every line of the contract that a reply can show, by name."""

from kz_compliance_sdk.config.sections import TrustedKeySettings
from kz_compliance_sdk.testing.conformance import AsgiTransport, IntakeTarget, check_intake
from kz_compliance_sdk.testing.conformance.keys import described, published_keys
from photos.app import create_app


def test_the_intake_keeps_the_contract(kz_settings, photos):
    profile, platform_id = kz_settings.profile, kz_settings.platform_id
    published = published_keys(profile)
    # The kit signs with keys of its own and by the wall clock: it gets an application of its own, a sandbox.
    sandbox = kz_settings.model_copy(update={"keys": _trusted(described(published, platform_id))})
    target = IntakeTarget(
        f"{sandbox.public_url}/kz/notices", profile, platform_id, host="photos.example", keys=published
    )
    report = check_intake(AsgiTransport(create_app(sandbox, photos)), target, skip=["intake.transport"])
    assert report.all_hold, report


def _trusted(rows):
    """The published keys as settings, but for the key of another platform."""
    known = TrustedKeySettings.model_fields
    return tuple(
        TrustedKeySettings.model_validate(
            {name: value for name, value in row.items() if name in known and value is not None}
        )
        for row in rows
        if row["role"] != "elsewhere"
    )
