"""Polish and Czech: ordinals, which CLDR's rules leave out. They are adjectives, so a table has stems and endings."""

from runners.text.language import Language


class Slavic(Language):
    def ordinal(self, number: int, form: str = "") -> str:
        """The last two digits are ordinals, both of them; what comes before is a cardinal. `form`: an ending's name."""
        table = self.section("adjectives")
        form = form or table["first form"]
        if (number >= 1000 and number % 1000 == 0) or number == 0:
            return self.cardinal(number)
        rest, parts = number % 100, []
        if rest == 0:
            parts = [number % 1000]
            rest_words = [self._adjective(parts[0], form)]
            head = number - parts[0]
        else:
            tens = [rest] if rest < 20 or rest % 10 == 0 else [rest - rest % 10, rest % 10]
            rest_words = [self._adjective(part, form) for part in tens]
            head = number - rest
        return " ".join(([self.cardinal(head)] if head else []) + rest_words)

    def _adjective(self, number: int, form: str) -> str:
        """A stem with the ending of its kind: `hard` or `soft`."""
        table = self.section("adjectives")
        stem = str(table["stems"][number])
        kind = "soft" if stem.endswith("*") else "hard"
        return stem.rstrip("*") + str(table[kind][form])
