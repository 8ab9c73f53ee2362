"""What a checkpoint folder holds, found out without loading it: layout, sizes, languages, voices. Imports no torch."""
