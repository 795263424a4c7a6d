"""Taps: each knows one HTTP library and nothing of LLMs."""
