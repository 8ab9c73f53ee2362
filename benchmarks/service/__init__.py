"""How the service holds up under load, beside other ways to schedule the same model."""
