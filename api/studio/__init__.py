"""The studio: the page at `/`, where people write, record and listen. `static/` holds its files as they are served."""
