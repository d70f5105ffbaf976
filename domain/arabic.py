"""Names as people search for them: one folded form, and one phonetic key for Arabic and French spellings.

`fold` is for showing a list in order and for finding part of a name; `phonetic` brings محمد, Mohamed and Muhammad
together. The key is a consonant skeleton: vowels go, since French writes the short ones and Arabic does not, so that
different names may meet in it (سعيد and سعاد, حسن and حسين). It finds candidates; whoever asks ranks them by `fold`.
Both are pure and must stay as they are while a view holds their results: a change needs a new version of that view.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

# ── clean: one form of every letter ──────────────────────────────────────────────────────────────────────────────────

_DROPPED: Final = (
    *range(0x0610, 0x061B),  # harakat and Quranic marks
    *range(0x064B, 0x0660),
    0x0670,
    *range(0x06D6, 0x06EE),
    0x0640,  # tatweel
    0x061C,
    *range(0x200B, 0x2010),  # invisible joiners and directions
    *map(ord, "'’‘ʼʿʾ`´"),
    *range(0x0300, 0x0370),
)


def _unaccented() -> dict[int, str]:
    """Latin letters with their accents taken off, for what NFKC leaves composed."""
    letters = {code: unicodedata.normalize("NFD", chr(code)) for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00))}
    plain = {code: parts[0] for code, parts in letters.items() if len(parts) > 1 and parts[0].isascii()}
    return plain | {
        ord(letter): text for letter, text in zip("œæøłßđı", ["oe", "ae", "o", "l", "ss", "d", "i"], strict=True)
    }


_CLEAN: Final = str.maketrans(
    _unaccented()
    | dict.fromkeys(_DROPPED, "")
    | dict(zip(map(ord, "أإآٱٲٳکگڭݣڤپچژیېۀہھ"), "ااااااككككفبجزييههه", strict=True))
    | dict(zip(map(ord, "٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹"), "01234567890123456789", strict=True))
    | dict.fromkeys(map(ord, "-‐‑‒–—_.,،؛;/"), " ")
)
_FOLD: Final = str.maketrans("ىئؤة", "يءءه")


def _clean(text: str) -> str:
    """Letters only: NFKC, lower case, no marks, no accents, one alef, ASCII digits, dashes as spaces."""
    return unicodedata.normalize("NFKC", text).lower().translate(_CLEAN)


# ── words: particles are one word with what follows, as half of the people write them ────────────────────────────────

_ARABIC_PARTICLES: Final = frozenset(("عبد", "بن", "ايت", "ابو", "بو"))
_ABD_ARTICLES: Final = frozenset(("el", "al", "ul", "er", "es", "ez", "en", "ed", "et", "ech"))
_LATIN_PARTICLES: Final = frozenset(
    ("abd", "abdel", "abdul", "ben", "ait", "abou", "bou", "el", "al", "ech", "ez", "es")
)
_PARTICLES: Final = _ARABIC_PARTICLES | _LATIN_PARTICLES
_NO_ARTICLE: Final = ("الياس", "الهام", "الاء", "الطاف", "الين", "الكسندر", "اليسا", "الله")


def _glued(words: Iterable[str]) -> list[str]:
    """`abd el aziz` → `abdelaziz`, `بن علي` → `بنعلي`; a particle at the end stays alone."""
    glued: list[str] = []
    held = ""
    for word in words:
        if word in _PARTICLES or (held.endswith("abd") and word in _ABD_ARTICLES):
            held += word
        else:
            glued.append(held + word)
            held = ""
    return [*glued, held] if held else glued


def _without_article(word: str) -> str:
    """`العلوي` → `علوي`; not where ال belongs to the name (إلياس) or would leave fewer than three letters."""
    return word[2:] if len(word) > 4 and word.startswith("ال") and not word.startswith(_NO_ARTICLE) else word


# ── fold ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_DOUBLE: Final = re.compile(r"([a-z])(?=\1)")


def fold(text: str) -> str:
    """The form a name is searched and sorted by (in "C" order): one spelling of each letter and particle.

    Arabic: no harakat or tatweel, one alef, ى as ي, ؤ ئ as ء, ة as ه, no article at a word's start. Latin: lower case,
    no accents, doubled letters once. Both: particles joined to the next word, ASCII digits, single spaces.
    """
    words = _glued(_clean(text).translate(_FOLD).split())
    return _DOUBLE.sub("", " ".join(map(_without_article, words)))


# ── phonetic ─────────────────────────────────────────────────────────────────────────────────────────────────────────
# Sounds are capitals: X ش, Q خ, G غ, W and Y before a vowel only, A for any vowel at the start, A and I at the end,
# O for "ou" before the last consonant (محمود is not محمد). While a Latin word is read, U stands for "ou".

_DIGRAPHS: Final = (
    ("tch", "X"), ("sch", "X"), ("ch", "X"), ("sh", "X"), ("kh", "Q"), ("gh", "G"), ("dh", "d"), ("th", "t"),
    ("ph", "f"), ("dj", "j"), ("ck", "k"), ("ce", "se"), ("ci", "si"), ("cy", "si"), ("ou", "U"), ("oo", "U"),
)  # fmt: skip
_LATIN_SOUNDS: Final = str.maketrans(
    dict(zip("bcdfghjklmnpqrstvz", "BKDFKHJKLMNBKRSTFZ", strict=True)) | {"x": "KS"} | dict.fromkeys("aeiouyUw", "")
)
_LATIN_W: Final = re.compile(r"(?<!^[^aeioy])[Uw](?=[aeiouy])")  # not after a first consonant: Fouad, Souad, Mouad
_LATIN_Y: Final = re.compile(r"[iy](?=[aeouUW])")
_LATIN_A: Final = re.compile(r"(?:[aeiouU]h|ae?)$")  # -a, -ah, -ae, and the -eh, -ih, -ouh of a last ح
_LATIN_O: Final = re.compile(r"U(?=[^aeiouyUWY]e?$)")
_REPEATED: Final = re.compile(r"([a-zXQGU])(?=\1)")

_ARABIC_SOUNDS: Final = str.maketrans(
    dict(zip("بتثجحخدذرزسشصضطظغفقكلمنه", "BTTJHQDDRZSXSDTDGFKKLMNH", strict=True)) | dict.fromkeys("اويىةعءؤئ", "")
)
_ARABIC_W: Final = re.compile(r"و(?=[ايىةئ]|ه$)")
_ARABIC_Y: Final = re.compile(r"ي(?=[اويىةW]|ه$)|ئ(?=ا)")
_ARABIC_A: Final = re.compile(r"(?:اء|[اىةهح])$")
_ARABIC_O: Final = re.compile(r"و(?=[^اويىةعءؤئWY]$)")
_ARABIC_START: Final = {**dict.fromkeys("اعءؤئ", "A"), "و": "W", "ي": "Y"}
_ASSIMILATING: Final = frozenset("تثدذرزسشصضطظلن")

# What no rule reaches: a start half of the people leave out, and sounds Arabic does not write.
_STARTS: Final = (("ibrah", "brah"), ("idris", "dris"), ("ismai", "smai"), ("ismae", "smae"), ("fath", "fatih"),
                  ("ابراه", "براه"), ("ادريس", "دريس"), ("اسماع", "سماع"), ("امبار", "مبار"))  # fmt: skip
_UNWRITTEN: Final = {"مريم": "مريام", "طيب": "طياب", "سيد": "سياد", "انور": "انوار", "طه": "طاها", "رحمن": "رحمان"}
_NO_LATIN_ARTICLE: Final = ("elias", "eliana", "eliane", "elodie", "elisab", "eleono")
_LATIN_ARTICLES: Final = _ABD_ARTICLES - {"ul", "et", "en"}
_EDDINE: Final = re.compile(r"(?<=[a-z][a-z])edd?[iy]ne?\b|(?<=\w)الدين")  # Noureddine is two words in Arabic


def phonetic(text: str) -> str:
    """One key, in capitals word by word, that the Arabic and the French spellings of a Moroccan name share.

    Candidates only: names that differ in inner vowels share it too. A word of another script stands as it is folded.
    """
    clean = _clean(text.replace("ç", "s").replace("Ç", "s"))
    if "din" in clean or "دين" in clean:
        clean = _EDDINE.sub(" dine", clean)
    words = _glued(_without_articles(clean.split()))
    key = " ".join(map(_word_key, words))
    return key.replace("FTMZHRA", "FTM ZHRA").replace("FTM ZHRA", "FTMA ZHRA") if "ZHRA" in key else key


def _without_articles(words: list[str]) -> list[str]:
    """No article alone or at a word's start, except after abd, with which it is one sound."""
    kept: list[str] = []
    for word in words:
        if kept and kept[-1] in ("abd", "عبد"):
            kept.append(word)
        elif word not in _LATIN_ARTICLES:
            kept.append(_without_article(word))
    return kept or words


def _word_key(word: str) -> str:
    for start, instead in _STARTS:
        if word.startswith(start):
            word = instead + word[len(start) :]
            break
    if word.isascii():
        return (_latin_key(word) if word.isalpha() else "") or word.upper()
    return (_arabic_key(word) if "\u0600" <= word[0] <= "\u06ff" else "") or word


def _latin_key(word: str) -> str:
    word = _without_latin_article(word)
    for letters, sound in _DIGRAPHS:
        word = word.replace(letters, sound)
    word = _REPEATED.sub("", word)
    word = _LATIN_Y.sub("Y", _LATIN_W.sub("W", word))
    start = "A" if word[0] in "aeiouU" else ""
    end, word = _end(word[len(start) :], _LATIN_A, "iy", _LATIN_O)
    return start + word.translate(_LATIN_SOUNDS) + end


def _without_latin_article(word: str) -> str:
    """`elalaoui` → `alaoui`, `ezzahra` → `zahra`; names of under six letters keep their first one (Elias, Elham)."""
    if len(word) < 6 or word.startswith(_NO_LATIN_ARTICLE):
        return word
    assimilated = word[0] == "e" and word[1] == word[2] and word[1] in "tdrzsn"
    return word[2:] if assimilated or word.startswith("el") else word


def _arabic_key(word: str) -> str:
    word = _with_abd(_UNWRITTEN.get(word, word))
    start = _ARABIC_START.get(word[0], "")
    word = word[1:] if start else word
    word = _ARABIC_Y.sub("Y", _ARABIC_W.sub("W", word))
    end, word = ("T", word[:-2]) if word.endswith("اة") else _end(word, _ARABIC_A, "ي", _ARABIC_O)
    return start + word.translate(_ARABIC_SOUNDS) + end


def _with_abd(word: str) -> str:
    """عبدالرحيم → عبدرحيم and عبدالعزيز → عبدلعزيز: the article as it is said after abd."""
    before, abd, name = word.partition("عبدال")
    if not abd or not name:
        return word
    name = _UNWRITTEN.get(name, name)
    if name[0] in _ASSIMILATING:
        return f"{before}عبد{name}"
    return f"{before}عبدل{'W' if name[0] == 'و' else name[0]}{name[1:]}"


def _end(word: str, last_a: re.Pattern[str], last_i: str, last_o: re.Pattern[str]) -> tuple[str, str]:
    """The sound of a word's last vowel, A or I or none, and the word before it."""
    without = last_a.sub("", word)
    if without != word:
        return "A", without
    return ("I", word[:-1]) if word and word[-1] in last_i else ("", last_o.sub("O", word))
