"""Routes of other XTTS servers, for clients that were written for those. XTTS_COMPATIBLE=off removes them."""
