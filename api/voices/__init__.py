"""The voices that can be asked for: where they lie, what they hold, how they are added, listed and removed."""
