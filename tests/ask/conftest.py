"""The provider and the installation of the capture tests."""

from __future__ import annotations

from capture.conftest import _one_provider, provider, watch

__all__ = ["_one_provider", "provider", "watch"]
