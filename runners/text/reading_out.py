"""From a text as it was written to the text as it is to be read out, with the map back. Knows no tokens."""

from runners.text.characters import visible
from runners.text.decoration import without_decoration
from runners.text.lexicon import Terms, pronounce
from runners.text.mapped import MappedText
from runners.text.markdown import without_markup
from runners.text.normalise import language_of, normalise


def read_out(text: MappedText, language: str, terms: Terms, *, normalized: bool = True) -> MappedText:
    """`terms` respelled, and then, if `normalized`, markup and decoration taken out and the rest put into words.

    `language` may carry a region. One that has no table here is cleaned, and read by the model's own normaliser.
    """
    code = language.lower().partition("-")[0]
    text = pronounce(visible(text), terms, language_of(code))
    return normalise(without_decoration(without_markup(text)), code) if normalized else text


def has_something_to_say(text: str) -> bool:
    return any(map(str.isalnum, text))
