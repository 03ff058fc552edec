"""EBCDIC code pages of one byte a character, the euro ones included; Python itself knows few of them."""

import codecs
from functools import cache

FIRST, LAST = 0x40, 0xFF  # below is control, and the last is too
NONE = "\ufffd"

# What differs from cp037: byte and character. The euro page of a country has € where the older one has ¤.
_EURO = {
    "cp1140": "9f€",
    "cp1141": "43{4aÄ4f!59~5aÜ5f^63[6aö7c§9f€a1ßb0¢b5@ba¬bb|c0äcc¦d0üdc}e0Öec\\fc]",
    "cp1142": "47}4a#4f!5a€5bÅ5f^67$6aø70¦7bÆ7cØ80@9c{9e[9f]a1üb0¢ba¬bb|c0æd0ådc~",
    "cp1143": "43{47}4a§4f!51`5a€5bÅ5f^63#67$6aö71\\79é7bÄ7cÖ9f]a1üb0¢b5[ba¬bb|c0äcc¦d0ådc~e0Éec@",
    "cp1144": "44{48\\4a°4f!51]54}58~5aé5f^6aò79ù7b£7c§90[9f€a1ìb0¢b1#b5@ba¬bb|c0àcd¦d0èdd`e0ç",
    "cp1145": "49¦4a[5a]69#6añ7bÑ9f€a1¨b0¢ba^bb!bd~",
    "cp1146": "4a$5b£9f€a1¯b0¢b1[ba^bc~",
    "cp1147": "44@48\\4a°4f!51{54}5a§5f^6aù79µ7b£7cà90[9f€a0`a1¨b0¢b1#b5]ba¬bb|bd~c0éd0èdd¦e0ç",
    "cp1148": "4a[4f!5a]5f^9f€b0¢ba¬bb|",
    "cp1149": "4aÞ4f!5aÆ5fÖ79ð7cÐ8c`8e{9c}9e]9f€a1öac@ae[b0¢ba¬bb|be\\c0þcc~d0æe0´ec^",  # noqa: RUF001 - an acute accent is meant
}
EURO_PAGE = {
    "cp037": "cp1140", "cp273": "cp1141", "cp277": "cp1142", "cp278": "cp1143", "cp280": "cp1144",
    "cp284": "cp1145", "cp285": "cp1146", "cp297": "cp1147", "cp500": "cp1148", "cp871": "cp1149",
}  # fmt: skip
_1047 = "5f^ad[b0¬baÝbb¨bd]"
_SUBSTITUTE = "\x1a"  # of Python's tables, where a code has no character
_PYTHON = ("cp424", "cp875", "cp1026")
NAMES = tuple(sorted((*EURO_PAGE, *_EURO, "cp1047", *_PYTHON), key=lambda name: int(name[2:])))


@cache
def table(name: str) -> str:
    """The characters of the 256 codes, as `codecs.charmap_decode` takes them; U+FFFD where there is none.

    Errors: LookupError, for a page that is not in NAMES.
    """
    if name in _PYTHON:
        return bytes(range(256)).decode(name, "replace").replace(_SUBSTITUTE, NONE)
    if name == "cp1047":
        return _changed(_1047)
    if name in EURO_PAGE:
        return _changed(_EURO[EURO_PAGE[name]]).replace("€", "¤")
    if name in _EURO:
        return _changed(_EURO[name])
    raise LookupError(name)


@cache
def encoding(name: str) -> dict[str, int]:
    """The code of each character that can be typed. Errors: LookupError."""
    characters = table(name)
    return {characters[code]: code for code in range(FIRST, LAST) if characters[code] != NONE}


def _changed(differences: str) -> str:
    characters = list(codecs.decode(bytes(range(256)), "cp037"))
    for place in range(0, len(differences), 3):
        characters[int(differences[place : place + 2], 16)] = differences[place + 2]
    return "".join(characters)
