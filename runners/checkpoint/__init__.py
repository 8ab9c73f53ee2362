"""What a checkpoint folder holds, found out without loading it: layout, sizes, languages, speakers. Imports no torch."""
