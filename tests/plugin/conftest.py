"""What the tests of the pytest plugin share: a project that finds it by its entry point."""

from __future__ import annotations

import importlib

import pytest

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.ports import Env
from tests.plugin.plugin_project import metadata_folder


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    # pytester forgets what is imported while it runs: what fixtures load must be here already, or each test pays.
    SqliteStore(tmp_path_factory.mktemp("imported") / "any.sqlite3", Env.system(), threaded=False).close()
    for name in ("adapters.http_regulator", "adapters.notifiers", "testing.wiring", "testing.signed", "testing.office"):
        importlib.import_module(f"kz_compliance_sdk.{name}")


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, imported: None) -> pytest.Pytester:
    """A project of its own in which the plugin is found by its entry point, and no other is."""
    pytester.syspathinsert(str(metadata_folder(pytester.path / "metadata")))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    options = "--strict-markers -p no:cacheprovider -p kz_compliance"
    pytester.makeini(f"[pytest]\naddopts = {options}\nfilterwarnings = error\n")
    return pytester
