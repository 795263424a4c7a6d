"""Clients: each knows where one family of SDKs begins a logical call, and nothing of its methods."""
