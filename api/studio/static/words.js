// All words of the page, in English and Hungarian. English without a key here stands in index.html or below.

const WORDS = {
  en: {
    studio: "Studio", write: "Write", piece: "Piece", voices: "Voices", jobs: "Long jobs", links: "Links",
    "page-language": "Language of this page", text: "Text", play: "Play", pause: "Pause", stop: "Stop",
    "another-take": "Another take", download: "Download", format: "Format", voice: "Voice", style: "Style",
    "own-blend": "All, as the voice has them", mix: "Mix of styles", language: "Language", speed: "Speed",
    "voices-language": "The voice's own", auto: "Found out from the text", "as-piece": "As the piece",
    sample: "Sample", "sample-name": "Its name", "add-sample": "Add a sample", "delete-sample": "Delete the sample",
    "add-line": "Add a line", "play-all": "Play all", import: "Import a batch file", export: "Export as a batch file",
    "as-job": "All samples as a long job", line: "Line {0}", "line-text": "Text of line {0}", up: "Move up",
    down: "Move down", remove: "Remove", "pause-after": "Pause after it, seconds", more: "Voice and style of this line",
    "play-line": "Play this line", "no-text": "There is no text yet.", "new-sample": "sample",
    "no-batch": "This is no batch file: it has no list of samples.", "bad-defaults": "This is no batch file: its defaults are no object.",
    "bad-sample": "This is no batch file: sample {0} needs an id, and a text or segments that have a text each.",
    "new-voice": "A new voice", "voice-name": "Its name", "voice-language": "Its language",
    "advice": "One clip or several of one speaker, 6 to 30 seconds each, in a quiet place. Only a voice that is yours, or whose owner agrees.",
    record: "Record", "stop-recording": "Stop recording", level: "Level of the microphone",
    choose: "Choose clips, or drop them here", "save-voice": "Save as a voice", "all-voices": "Voices on this server",
    "style-name": "Its style", listening: "Measuring …", "no-microphone": "There is no microphone here, or the browser does not allow it.",
    "needs-https": "Browsers give the microphone to pages by https or on this machine only.",
    good: "Good", fair: "Fair", bad: "Unfit", "fact-speech": "{0} s of speech", "fact-noise": "{0} dB above the noise",
    "fact-level": "{0} dB loud", "fact-clipped": "{0} % clipped", "fact-rate": "{0} kHz",
    "hint-speech-short": "short: 6 to 30 s are best", "hint-speech-long": "long: only the first 30 s count",
    "hint-noise": "noisy: go closer, or to a quieter place", "hint-level": "quiet: speak up, or go closer",
    "hint-clipped": "too loud: go further away", "hint-rate": "muffled: record at 22 kHz or more",
    "clip-fit": "Fit for a voice.", "clip-unfit": "It cannot be used like this.", "two-styles": "Two clips have the style {0}.",
    "no-style": "A style cannot be called {0}.",
    "kind-folder": "of this server", "kind-uploaded": "uploaded", "kind-speaker": "of the model",
    "no-styles": "no styles", "play-voice": "Play {0}", "delete-voice": "Delete {0}", delete: "Delete",
    "sure-voice": "Delete the voice {0} and its recordings for everybody?", "saved-voice": "The voice {0} is saved.",
    "try-text": "This is how I sound when I read something aloud.",
    "jobs-advice": "A long text, an hour or more, is made where the server has time. It goes on when this page is closed; come back in this browser.",
    "long-text": "Long text", submit: "Submit", "job-pending": "waiting", "job-in_progress": "in progress",
    "job-completed": "done", "job-failed": "failed", "job-canceled": "cancelled",
    "job-lost": "no longer on the server", progress: "{0} of {1} parts", retry: "Again", cancel: "Cancel", forget: "Forget",
    "key-title": "This server asks for a key", "key-wrong": "There is no such key.", "key-letters": "A key has visible ASCII characters only, no space and no accent.", key: "API key",
    "key-kept": "It is kept until this tab is closed.", ok: "OK", "key-needed": "Without a key this does not work.",
    unreachable: "The server cannot be reached.", position: "Position", close: "Close", loading: "The model is still loading …",
    demo: "This is the demonstration voice model. See /health for how to get a better one.",
  },
  hu: {
    studio: "Stúdió", write: "Írás", piece: "Összeállítás", voices: "Hangok", jobs: "Hosszú munkák", links: "Hivatkozások",
    "page-language": "Az oldal nyelve", text: "Szöveg", play: "Lejátszás", pause: "Szünet", stop: "Leállítás",
    "another-take": "Új felvétel", download: "Letöltés", format: "Formátum", voice: "Hang", style: "Stílus",
    "own-blend": "Mind, ahogy a hangban van", mix: "Stílusok keveréke", language: "Nyelv", speed: "Sebesség",
    "voices-language": "A hang saját nyelve", auto: "A szövegből derül ki", "as-piece": "Mint az összeállításé",
    sample: "Minta", "sample-name": "A neve", "add-sample": "Új minta", "delete-sample": "A minta törlése",
    "add-line": "Új sor", "play-all": "Mind lejátszása", import: "Kötegfájl betöltése", export: "Mentés kötegfájlként",
    "as-job": "Minden minta hosszú munkaként", line: "{0}. sor", "line-text": "A(z) {0}. sor szövege", up: "Feljebb",
    down: "Lejjebb", remove: "Törlés", "pause-after": "Szünet utána, másodperc", more: "A sor hangja és stílusa",
    "play-line": "A sor lejátszása", "no-text": "Még nincs szöveg.", "new-sample": "minta",
    "no-batch": "Ez nem kötegfájl: nincs benne minták listája.", "bad-defaults": "Ez nem kötegfájl: a defaults nem objektum.",
    "bad-sample": "Ez nem kötegfájl: a(z) {0}. mintának azonosító kell, és szöveg vagy olyan segments, amelyek mindegyikének van szövege.",
    "new-voice": "Új hang", "voice-name": "A neve", "voice-language": "A nyelve",
    "advice": "Egy beszélő egy vagy több felvétele, egyenként 6–30 másodperc, csendes helyen. Csak a saját hangod, vagy akié beleegyezett.",
    record: "Felvétel", "stop-recording": "Felvétel leállítása", level: "A mikrofon jelszintje",
    choose: "Válassz felvételeket, vagy ejtsd ide őket", "save-voice": "Mentés hangként", "all-voices": "A szerver hangjai",
    "style-name": "A stílusa", listening: "Mérés …", "no-microphone": "Nincs mikrofon, vagy a böngésző nem engedi.",
    "needs-https": "A böngésző csak https-oldalnak vagy ezen a gépen adja oda a mikrofont.",
    good: "Jó", fair: "Közepes", bad: "Nem jó", "fact-speech": "{0} s beszéd", "fact-noise": "{0} dB-lel a zaj fölött",
    "fact-level": "{0} dB hangos", "fact-clipped": "{0} % torzul", "fact-rate": "{0} kHz",
    "hint-speech-short": "rövid: 6–30 s a legjobb", "hint-speech-long": "hosszú: csak az első 30 s számít",
    "hint-noise": "zajos: menj közelebb vagy csendesebb helyre", "hint-level": "halk: beszélj hangosabban vagy közelebbről",
    "hint-clipped": "túl hangos: menj távolabb", "hint-rate": "tompa: legalább 22 kHz-cel vedd fel",
    "clip-fit": "Hangnak megfelel.", "clip-unfit": "Így nem használható.", "two-styles": "Két felvétel stílusa is {0}.",
    "no-style": "Stílusnak nem lehet {0} a neve.",
    "kind-folder": "a szerveré", "kind-uploaded": "feltöltött", "kind-speaker": "a modellé",
    "no-styles": "nincs stílusa", "play-voice": "{0} lejátszása", "delete-voice": "{0} törlése", delete: "Törlés",
    "sure-voice": "Törlöd mindenki elől a(z) {0} hangot és a felvételeit?", "saved-voice": "A(z) {0} hang elmentve.",
    "try-text": "Így hangzom, amikor felolvasok valamit.",
    "jobs-advice": "Egy hosszú, akár órás szöveg akkor készül, amikor a szerver ráér. Az oldal bezárása után is folytatódik; ebben a böngészőben megtalálod.",
    "long-text": "Hosszú szöveg", submit: "Beküldés", "job-pending": "várakozik", "job-in_progress": "folyamatban",
    "job-completed": "kész", "job-failed": "nem sikerült", "job-canceled": "megszakítva",
    "job-lost": "már nincs a szerveren", progress: "{1} részből {0}", retry: "Újra", cancel: "Mégse", forget: "Elrejtés",
    "key-title": "A szerver kulcsot kér", "key-wrong": "Nincs ilyen kulcs.", "key-letters": "Egy kulcsban csak látható ASCII-jel lehet, szóköz és ékezet nem.", key: "API-kulcs",
    "key-kept": "A lap bezárásáig marad meg.", ok: "Rendben", "key-needed": "Kulcs nélkül ez nem megy.",
    unreachable: "A szerver nem érhető el.", position: "Hol tart", close: "Bezárás", loading: "A modell még töltődik …",
    demo: "Ez a bemutató hangmodell. A /health megmondja, hogyan lesz jobb.",
  },
};
const CHOICE = "xtts-language";
let words = WORDS.en;

export function t(key, ...values) {
  return values.reduce((text, value, at) => text.replace(`{${at}}`, value), words[key] ?? WORDS.en[key] ?? key);
}

export function chosenLanguage() {
  const wanted = localStorage.getItem(CHOICE) ?? navigator.languages.map((each) => each.slice(0, 2)).find((each) => each in WORDS);
  return wanted in WORDS ? wanted : "en";
}

export function setLanguage(language) {
  localStorage.setItem(CHOICE, language);
  location.reload();
}

export function translatePage(language) {
  words = WORDS[language];
  document.documentElement.lang = language;
  document.title = t("studio");
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", t(node.dataset.tLabel));
}
