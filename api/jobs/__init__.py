"""Long jobs: many samples, or a chapter, said in the bulk lane and handed over as a zip. `/generate/long` is theirs."""
