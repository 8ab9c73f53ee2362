"""OpenAI's speech API: its routes, its bodies, its errors."""
