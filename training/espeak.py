"""espeak-ng in this process, through its C library: a text to samples, without a process for each."""

import ctypes
import ctypes.util
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 22050  # Hz

_SYNCHRONOUS, _UTF8, _BY_CHARACTER = 2, 1, 1  # speak_lib.h
_RATE, _PITCH, _RANGE = 1, 3, 4
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True, slots=True)
class Speaker:
    """A way of speaking, whatever the language."""

    variant: str  # of espeak's voices: "f2"
    pitch: int  # 0 to 99
    pitch_range: int  # 0 to 99; 50 is espeak's own
    words_per_minute: int


class Espeak:
    """One per process: the library has global state."""

    def __init__(self) -> None:
        name = ctypes.util.find_library("espeak-ng")
        if name is None:
            raise SystemExit("espeak-ng is not installed: apt-get install espeak-ng")
        self._library = ctypes.CDLL(name)
        if self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, 0) != RATE:
            raise SystemExit(f"espeak-ng does not speak at {RATE} Hz")
        self._parts: list[NDArray[np.int16]] = []
        self._callback = _Callback(self._take)  # kept, or it is freed while the library still calls it
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, language: str, speaker: Speaker) -> NDArray[np.int16]:
        """Raises ValueError for a language or a variant that espeak-ng does not have."""
        voice = f"{_VOICES.get(language, language)}+{speaker.variant}"
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice}")
        for parameter, value in (
            (_RATE, speaker.words_per_minute),
            (_PITCH, speaker.pitch),
            (_RANGE, speaker.pitch_range),
        ):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._parts = []
        raw = text.encode()
        self._library.espeak_Synth(raw, len(raw) + 1, 0, _BY_CHARACTER, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        return np.concatenate(self._parts) if self._parts else np.zeros(0, np.int16)

    def _take(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, events: int | None) -> int:
        if samples and count > 0:
            self._parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0


_VOICES = {"en": "en-us"}
