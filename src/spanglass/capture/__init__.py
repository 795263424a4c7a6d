"""Watches HTTP libraries and SDKs, and tells the recorder and the span what a call sent and got."""
