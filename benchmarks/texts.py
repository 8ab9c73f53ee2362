"""What is said. How long each text is matters to the prefill alone: the checkpoint says how long the speech is."""

LANGUAGE = "en"
TEXTS = (
    "Good morning, and welcome back.",
    "The next train to the coast leaves from platform four in twelve minutes.",
    "She closed the book, looked out of the window for a while, and said that the rain would not stop before evening.",
    "No, not before the end of March.",
    "Turn left after the bridge, then keep going until you see the old mill on your right.",
    "We counted every vote twice, and the result is the same: the garden stays open to everybody, on Sundays too.",
    "Which of these rivers is the longest?",
    "Your parcel could not be delivered today, because nobody was at home; it will be brought again tomorrow morning.",
    "He had been a carpenter, a sailor and a teacher, in that order, and he said he had learned the most from wood.",
    "Please hold the line.",
    "At night the temperature falls below zero in the valleys, with fog that lifts in the course of the morning.",
    "What would you like to drink with that?",
    "The museum keeps a small collection of maps, drawn by hand before anyone had seen the whole of the island.",
    "Chapter two, in which nothing happens, though it happens at some length.",
    "Thank you, that is all for today, and I will see you on Thursday.",
    "If the light is still red after a minute, switch the machine off, wait until it has cooled down, and try again.",
)


def texts(count: int, first: int = 0) -> list[str]:
    """`count` of them from number `first` on. After the last the first comes again, from another of its words on: an
    engine may know a text that it has just said."""
    return [_turned(TEXTS[number % len(TEXTS)], number // len(TEXTS)) for number in range(first, first + count)]


def _turned(text: str, words: int) -> str:
    """So many words, round and round, go from the beginning to the end."""
    split = text.split()
    words %= len(split)
    return " ".join(split[words:] + split[:words])
