"""How long the server's engine takes to be ready, and what memory that takes, by the layout of the checkpoint."""
