"""Number words by CLDR's spell-out rules. Each number that a language's rules were asked for is kept."""

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

import unicode_rbnf
from unicode_rbnf import RbnfEngine
from unicode_rbnf.engine import PluralFormatPart

RULES = Path(unicode_rbnf.__file__).parent / "rbnf"
LARGEST = 10**15  # the rules divide floats


class Spellout(RbnfEngine):
    """Threads may share one."""

    def __init__(self, language: str) -> None:
        super().__init__(language)
        self.load_xml(ElementTree.parse(RULES / f"{language}.xml").getroot())
        self._words = lru_cache(maxsize=20_000)(self._in_words)
        rules = (rule for ruleset in self.rulesets.values() for rule in ruleset.numeric_rules.values())
        for part in (part for rule in rules for part in rule.parts):
            if isinstance(part, PluralFormatPart):
                part.render = lru_cache(maxsize=1_000)(part.render)  # type: ignore[method-assign]

    def words(self, number: int, ruleset: str) -> str:
        """`number`, which is below LARGEST, by the named rule set. Raises RbnfError where there is none."""
        return " ".join(self._words(number, ruleset).replace("\xad", "").split())

    def iter_format_number(  # the parts of a number are numbers too: they are asked for here, again and again
        self,
        number: int | float | str | Decimal,
        ruleset_name: str,
        radix: int | None = None,
        tolerance: float = 1e-8,
    ) -> Iterator[str]:
        yield self._words(int(number), ruleset_name)

    def _in_words(self, number: int, ruleset: str) -> str:
        return "".join(super().iter_format_number(number, ruleset))
