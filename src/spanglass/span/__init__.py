"""What a call shows on its span: bounded attributes, a valid preview of the messages, and events."""
