"""How cost grows with slots, with length and with requests served."""
