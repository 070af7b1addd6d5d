from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from splanc.config import DeliverSettings, Settings
from splanc.errors import UpstreamError, UserError
from splanc.head import _deliver, webhook_secret
from splanc.head._deliver import deployment_secret
from splanc.streams.webhooks import secret_of


def test_a_secret_is_made_once_and_kept_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    secret = deployment_secret(settings)
    assert len(secret) == 64
    assert deployment_secret(settings) == secret
    assert webhook_secret(settings, 7) == secret_of(secret, 7)
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert deployment_secret(Settings(data_dir=tmp_path / "other", deliver=DeliverSettings(secret=SecretStr("x" * 16)))) == "x" * 16


def test_a_secret_that_cannot_be_kept_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"deliver\.secret"):
        deployment_secret(Settings(data_dir=tmp_path / "missing"))


@pytest.mark.parametrize("failure", [UserError("came without cutouts"), UpstreamError("away")])
def test_a_digest_does_without_cutouts_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failure: Exception) -> None:
    def cutouts(_settings: Settings, source_id: int) -> dict[str, bytes]:
        assert source_id == 7
        raise failure

    monkeypatch.setattr(_deliver, "cutouts_of", cutouts)
    assert _deliver._pictures(Settings(data_dir=tmp_path))(7) is None
