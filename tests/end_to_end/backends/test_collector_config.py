"""The Collector's own judgement of its file, and what it makes of spans that no spanglass has seen before."""

from __future__ import annotations
