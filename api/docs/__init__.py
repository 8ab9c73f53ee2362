"""The documentation of all routes: one OpenAPI document, and the page that shows it."""
