"""Text that arrives in pieces, spoken while it comes: the WebSocket."""
