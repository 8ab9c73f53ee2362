"""The test checkpoint as upstream's own model sees it: it loads, it is sensitive, and it stops in time."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from TTS.tts.models.xtts import Xtts

from runners.demo.config import STOP_CODE
from runners.demo.vocabulary import LANGUAGES
from tests.hum.checkpoint import make_hum

CODES_PER_SECOND = 22050 / 1024
RATE = 24_000
UNKNOWN = 1

GREEDY = {"do_sample": False, "repetition_penalty": 5.0}
SAMPLED = {"do_sample": True, "repetition_penalty": 5.0, "temperature": 0.75, "top_k": 50, "top_p": 0.85}

STORY = (
    "The night train left the station at ten, and nobody on the platform noticed that the last carriage was "
    "empty. In the morning the guard found a small brown case under the seat, locked, with a label on which "
    "somebody had written a single word. He took it home and put it on the kitchen table. His wife looked at "
    "it for a long time before she asked him whether he meant to open it. He said that he did not know yet, "
    "and that perhaps it was better to wait until somebody came and asked for it, as people do."
)

SENTENCES = {
    "en": "It's a well-known fact: “quick foxes” jump (often) over 20 lazy dogs; why? £5!",
    "es": "¿Cuándo volverá el pingüino? ¡Mañana, señor, según él! Allí comió jamón, güisqui y kiwi.",
    "fr": "Où êtes-vous, cœur naïf ? Là-bas, ça gêne le garçon : l’été, Noël, l’aiguë, ÿ, æ, û.",
    "de": "Füße übermäßig größer? Ja: „Zwölf Boxkämpfer jagen Viktor quer über den Sylter Deich“.",
    "it": "Perché no? Così è già più virtù: l'università, città, là, lì, però «forse».",
    "pt": "Não é à toa que três avós põem pão, maçã e pinguins na mão; até já, você!",
    "pl": "Zażółć gęślą jaźń, pchnij łódź w gąszcz — Żółw, źdźbło, ćma, dąb!",
    "tr": "İstanbul'da ılık bir öğle; çağrı, şişe, üzüm, ağaç, kâğıt, IŞIK.",
    "ru": "Съешь же ещё этих мягких французских булок, да выпей чаю: объём, юг, щи!",
    "nl": "Eén coëfficiënt, zoëven: vóór ’s avonds, hè? Het ĳs, de vrije fysica, quiz.",
    "cs": "Příliš žluťoučký kůň úpěl ďábelské ódy; též, šťáva, něco, ňadra, únor.",
    "ar": "صِفْ خَلْقَ خَوْدٍ كَمِثْلِ الشَّمْسِ إِذْ بَزَغَتْ، يَحْظَى الضَّجِيعُ بِهَا نَجْلاءَ مِعْطَارِ؛ آه، شيء رؤية فئة؟",
    "zh-cn": "绿色的女儿说：“夜里十点，火车离开了车站！”对吗？（没有）……",
    "hu": "Árvíztűrő tükörfúrógép! „Hány éjjeli őr ül még ott?” — kérdezte; egy sem.",
    "ko": "밤 열 시에 기차가 역을 떠났습니다. 정말요? “네, 꽃잎처럼!”",
    "ja": "夜の十時に列車は「駅」を出ました。本当ですか？ええ、キャッチ・ボールより…！",
    "hi": "ऋषियों को सताने वाले दुष्ट राक्षसों का अंत, औरत, ज्ञान, अँधेरा, ज़रूर, बढ़ई, ऊँट, ॐ, कृपा, फिर: छत्र।",
}


def latent(model: Xtts, speaker: str = "Demo Low") -> Tensor:
    return model.speaker_manager.speakers[speaker]["gpt_cond_latent"]


def embedding(model: Xtts, speaker: str = "Demo Low") -> Tensor:
    return model.speaker_manager.speakers[speaker]["speaker_embedding"]


def clip(pitch: float) -> Tensor:
    """Eight seconds of a buzz that swells and glides, (1, samples) at 22050 Hz."""
    time = torch.arange(8 * 22050) / 22050
    phase = 2 * math.pi * pitch * (time + 0.05 * torch.sin(time * 5))
    buzz = sum(torch.sin(phase * harmonic) / harmonic for harmonic in range(1, 20))
    return 0.1 * (buzz * (1 + torch.sin(time * pitch / 10)))[None]


@torch.no_grad()
def generate(
    model: Xtts, text: str, language: str = "en", voice: Tensor | None = None, seed: int = 0, **how: object
) -> list[int]:
    torch.manual_seed(seed)
    tokens = torch.tensor([model.tokenizer.encode(text, language)])
    voice = latent(model) if voice is None else voice
    return model.gpt.generate(voice, tokens, num_beams=1, **(how or GREEDY))[0].tolist()


def agreement(one: list[int], other: list[int]) -> float:
    return sum(a == b for a, b in zip(one, other, strict=False)) / min(len(one), len(other))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_is_written_without_unknown_tokens(xtts: Xtts, language: str) -> None:
    tokens = xtts.tokenizer.encode(SENTENCES[language], language)
    assert tokens[0] == xtts.tokenizer.tokenizer.token_to_id(f"[{language}]")
    assert UNKNOWN not in tokens
    assert len(tokens) > 20


def test_some_tokens_are_longer_than_a_character(xtts: Xtts) -> None:
    assert len(xtts.tokenizer.encode(STORY[:100], "en")) < 95


def test_made_again_it_is_the_same(hum: Path, tmp_path: Path) -> None:
    state = torch.get_rng_state()
    make_hum(tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    for name in ("config.json", "vocab.json"):
        assert (tmp_path / name).read_bytes() == (hum / name).read_bytes()
    ours, theirs = (torch.load(folder / "model.pth")["model"] for folder in (tmp_path, hum))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    ours, theirs = (torch.load(folder / "speakers_xtts.pth") for folder in (tmp_path, hum))
    assert all(torch.equal(ours[name][key], theirs[name][key]) for name in ours for key in ours[name])


@pytest.mark.parametrize(
    "other",
    [
        {"text": STORY[:29] + "r" + STORY[30:60]},
        {"language": "de"},
        {"voice": "Demo High"},
        {"voice": "blend"},
    ],
    ids=["one letter", "language", "voice", "style"],
)
def test_what_is_asked_decides_the_codes(xtts: Xtts, other: dict[str, str]) -> None:
    high = latent(xtts, "Demo High")
    voices = {"Demo High": high, "blend": (latent(xtts) + high) / 2}
    language, voice = other.get("language", "en"), voices.get(other.get("voice", ""))
    plain = generate(xtts, STORY[:60])
    assert generate(xtts, STORY[:60]) == plain
    assert agreement(plain, generate(xtts, other.get("text", STORY[:60]), language, voice)) < 0.25


def test_seeds_decide_the_codes_when_sampling(xtts: Xtts) -> None:
    one, same, other = (generate(xtts, STORY[:60], seed=seed, **SAMPLED) for seed in (1, 1, 2))
    assert one == same
    assert agreement(one, other) < 0.25


def test_clips_decide_the_latents_and_the_codes(xtts: Xtts) -> None:
    low, high = (xtts.get_gpt_cond_latents(clip(pitch), 22050, 30, 4) for pitch in (110.0, 190.0))
    assert torch.cosine_similarity(low.flatten(), high.flatten(), dim=0) < 0.6
    codes = [generate(xtts, STORY[:60], voice=voice) for voice in (low, high, (low + high) / 2)]
    assert max(agreement(codes[0], codes[1]), agreement(codes[0], codes[2]), agreement(codes[1], codes[2])) < 0.3
    one, other = (xtts.get_speaker_embedding(clip(pitch), 22050).flatten() for pitch in (110.0, 190.0))
    assert torch.dot(one, other) < 0.5


@pytest.mark.parametrize("how", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
@pytest.mark.parametrize("characters", [40, 109, 240])
def test_the_pace_is_plausible(xtts: Xtts, characters: int, how: dict[str, object]) -> None:
    codes = generate(xtts, STORY[:characters], **how)
    assert codes[-1] == STOP_CODE
    assert 14 < characters / (len(codes) / CODES_PER_SECOND) < 20


@pytest.mark.parametrize("how", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_a_word_is_short(xtts: Xtts, how: dict[str, object]) -> None:
    codes = generate(xtts, "hello.", **how)
    assert codes[-1] == STOP_CODE
    assert 6 <= len(codes) <= 15


@pytest.mark.parametrize("text", [STORY[:470], "then" * 200], ids=["story", "two letters a token"])
def test_the_longest_text_stops_in_time(xtts: Xtts, text: str) -> None:
    assert len(xtts.tokenizer.encode(text, "en")) == xtts.args.gpt_max_text_tokens - 1
    codes = generate(xtts, text)
    assert codes[-1] == STOP_CODE
    assert 500 < len(codes) < xtts.gpt.max_gen_mel_tokens


def test_codes_do_not_go_round_in_circles(xtts: Xtts) -> None:
    codes = generate(xtts, STORY[:109], do_sample=False, repetition_penalty=1.0)
    assert len(set(codes)) > len(codes) / 3
    assert all(agreement(codes, codes[period:]) < 0.5 for period in range(1, 30))


def test_choices_are_clear_to_the_greedy_and_open_to_the_sampler(xtts: Xtts) -> None:
    tokens = torch.tensor([xtts.tokenizer.encode(STORY[:109], "en")])
    report = {"return_dict_in_generate": True, "output_scores": True}
    with torch.no_grad():
        greedy = torch.cat(xtts.gpt.generate(latent(xtts), tokens, **GREEDY, **report)[1].scores)
        sampled = torch.cat(xtts.gpt.generate(latent(xtts), tokens, **SAMPLED, **report)[1].scores)
    first, second = greedy.topk(2).values.T
    assert (first - second < 1e-3).float().mean() < 0.02
    assert torch.isfinite(sampled).sum(dim=1).median() >= 4


def test_the_audio_is_a_hum_of_fair_level_between_silences(xtts: Xtts) -> None:
    how = {"do_sample": False, "repetition_penalty": 5.0}
    spoken = xtts.inference(STORY[:60], "en", latent(xtts), embedding(xtts), **how)
    samples, codes = torch.from_numpy(spoken["wav"]), torch.from_numpy(spoken["gpt_latents"])
    assert -26 < decibels(samples) < -18
    assert samples.abs().max() < 0.95
    assert abs(samples.mean()) < 1e-3
    assert decibels(samples[: RATE // 20]) < -50
    assert decibels(samples[-RATE // 40 :]) < -50
    with torch.no_grad():
        other = xtts.hifigan_decoder(codes, g=embedding(xtts, "Demo High")).squeeze()
    assert decibels(samples - other) > decibels(samples) - 12


def decibels(samples: Tensor) -> float:
    """Full scale is 0."""
    return 20 * math.log10(samples.square().mean().sqrt())
