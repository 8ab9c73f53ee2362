"""How fast the engine is beside upstream's."""
