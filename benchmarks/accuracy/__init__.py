"""What a lower precision costs."""
