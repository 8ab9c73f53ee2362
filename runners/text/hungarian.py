"""Hungarian: endings that numbers take, ordinals, `két` and `kettő`. See hungarian_dates.py too."""

import re

from runners.text.language import Language

VOWELS = "aáeéiíoóöőuúüű"
BACK = frozenset("aáoóuú")
_ORDINALS = {
    "nulla": "nulladik", "egy": "egyedik", "kettő": "kettedik", "három": "harmadik", "négy": "negyedik",
    "öt": "ötödik", "hat": "hatodik", "hét": "hetedik", "nyolc": "nyolcadik", "kilenc": "kilencedik",
    "tíz": "tizedik", "húsz": "huszadik", "harminc": "harmincadik", "negyven": "negyvenedik",
    "ötven": "ötvenedik", "hatvan": "hatvanadik", "hetven": "hetvenedik", "nyolcvan": "nyolcvanadik",
    "kilencven": "kilencvenedik", "száz": "századik", "ezer": "ezredik", "millió": "milliomodik",
    "milliárd": "milliárdodik", "billió": "billiomodik",
}  # fmt: skip
_LAST = sorted(_ORDINALS, key=len, reverse=True)
_STEMS = {"három": "hárm", "kettő": "kett", "hét": "het", "húsz": "husz", "ezer": "ezr"}  # before a vowel
_DIGRAPHS = ("gy", "sz", "zs", "cs", "ny", "ly", "ty")
_FRACTIONS = ("", "tized", "század", "ezred", "tízezred", "százezred", "milliomod")
_CASES = (  # what `kettő` stays whole before
    r"t|tt|ban|ben|ba|be|b[óő]l|nak|nek|val|vel|n|n[áé]l|hoz|hez|höz|ra|re|r[óő]l|t[óő]l|ig|ért|k[ée]nt|kor|i|"
    r"je|jén|jei|vé|nként|ed|edik|k|kel|en|es|esek|est|esben|esnek|ese|eset|esen|esre|eshez|estől|esből|esig"
)
_TWO = re.compile(r"kettő(?=száz|ezer|mill|bill)")
_CASE = re.compile(rf"(?:{_CASES})\Z")
_ENDING = re.compile(  # of a plural or a possessive, a case, and an adjective's
    r"(?:j?[aeáé]i?|[aeoö]?k|[aeoö]?s[aeoö]?|i|[uü]nk|j?[uü]k)?"
    r"(?:[aeoöáé]?t|ban|ben|ba|be|b[óő]l|n[ae]k|[^aeiouáéíóöőúüű]{1,2}[ae]l|[oeöaáé]?n|n[áé]l|h[oeö]z|r[ae]|r[óő]l|"
    r"t[óő]l|ig|ért|k[ée]nt|kor|v[áé]|sz[oeö]r|[uü]l|féle|nként)?(?:[eoö]s|as|i)?"
)
_SHORT_BEFORE = re.compile(r"(?:kor|k[ée]nt|szor|szer|ször|i)\w*\Z")  # a final vowel stays as it is
_NOT_COUNTED = frozenset(
    """
a alatt alkalmából az de egy egyenlő elején ellen előtt felett folyamán ha helyett hogy is körül közepén között lesz
lett meg miatt mint mínusz nyarán nélkül plusz pont se sem során szor tavaszán telén után vagy van volt végén és óta
őszén
""".split()  # noqa: SIM905 (quoted words are harder to read)
)


class Hungarian(Language):
    counting = True

    def cardinal(self, number: int, gender: str = "") -> str:
        """Above two thousand, hyphens part the thousands, as they are written."""
        if number <= 2000 or number >= 10**15:
            return _TWO.sub("két", super().cardinal(number)).replace("ezerszáz", "ezeregyszáz")
        parts = [number // 10**power % 1000 * 10**power for power in range(0, 15, 3)]
        return "-".join(_TWO.sub("két", super(Hungarian, self).cardinal(part)) for part in reversed(parts) if part)

    def count(self, number: int, gender: str = "") -> str:
        words = self.cardinal(number)
        return words.removesuffix("kettő") + "két" if words.endswith("kettő") else words

    def counts(self, word: str) -> bool:
        return word[:1].islower() and len(word) > 1 and word not in _NOT_COUNTED

    def decimal(self, whole: str, fraction: str) -> str:
        start = self.cardinal(int(whole))
        if len(fraction) >= len(_FRACTIONS):
            return f"{start} egész {self.digits(fraction)}"
        return f"{start} egész {self.cardinal(int(fraction))} {_FRACTIONS[len(fraction)]}"

    def ordinal(self, number: int, form: str = "") -> str:
        if number in (1, 2):
            return ("első", "második")[number - 1]
        words = self.cardinal(number)
        last = next((last for last in _LAST if words.endswith(last)), "")
        return words.removesuffix(last) + _ORDINALS.get(last, "")

    def between(self, before: str, after: str) -> str:
        return "és" if after == "között" else "-"

    def times(self, number: int, sign: str) -> str:
        words = self.count(number)
        vowel = next(vowel for vowel in reversed(words) if vowel in VOWELS)
        return self.attach(words, "szor" if is_back(words) else "ször" if vowel in "öőüű" else "szer")

    def attach(self, words: str, suffix: str) -> str:
        """`három` and `as` are `hármas`, `nulla` and `ban` `nullában`, `négy` and `gyel` `néggyel`."""
        if suffix.isupper():
            if len(suffix) == 1:
                return f"{words}-{suffix}"  # `5-A`, a name
            suffix = suffix.lower()  # `AZ 5-ÖS LOTTÓ`
        if words.endswith("kettő") and not _CASE.match(suffix):
            return words.removesuffix("kettő") + "két" + suffix
        if suffix[0] in VOWELS:
            for whole, stem in _STEMS.items():
                if words.endswith(whole) and suffix not in ("ig", "i", "ért"):
                    return words.removesuffix(whole) + stem + suffix
            if words[-1] in "ae" and suffix in ("ig", "ért"):
                return words[:-1] + ("á" if words[-1] == "a" else "é") + suffix
            return (words[:-1] if words[-1] == "a" and suffix[0] == "á" else words) + suffix
        if words.endswith("nulla") and suffix == "s":
            return words[:-1] + "ás"
        if suffix == "s" and words[-1] not in VOWELS:
            return words + ("as" if is_back(words) else "es")
        if suffix[:2] in _DIGRAPHS and words.endswith(suffix[:2]):
            return words[:-1] + suffix
        if words[-1] in "aeoö" and not _SHORT_BEFORE.match(suffix):
            words = words[:-1] + "áéóő"["aeoö".index(words[-1])]
        return words + suffix

    def is_ending(self, letters: str) -> bool:
        return _ENDING.fullmatch(letters) is not None

    def day(self, day: int, suffix: str = "") -> str:
        """A day of the month, `harmadika`, with what is left of `suffix` when the possessive is taken off."""
        word = "elseje" if day == 1 else self.ordinal(day)
        if day != 1:
            word += "a" if is_back(word.removesuffix("ik")) else "e"
        rest = re.sub(r"^(?:j?[aeáé](?!rt)|j(?=[aeáé]))", "", suffix)
        return self.attach(word, rest) if rest else word

    def from_to(self, first: str, second: str) -> str:
        return f"{self.attach(first, 'tól' if is_back(first) else 'től')} {self.attach(second, 'ig')}"


def is_back(word: str) -> bool:
    """Whether endings take back vowels, by the last vowel that is not an `i`."""
    return next((vowel in BACK for vowel in reversed(word) if vowel in VOWELS and vowel not in "ií"), False)
