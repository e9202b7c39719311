"""Secrets and personal data out of text, before it is stored, shown, or read by a model.

What is chained to a timeline cannot be taken back, so a doubt is decided for taking it out. Every pattern takes time
linear in the text: it starts at a boundary or a fixed word, and what may repeat is bounded or never given back.
"""

import re
from collections.abc import Callable
from functools import lru_cache

_NAMES = (
    r"(?:pass(?:word|wd|phrase|code)|(?<=[_-])pass|pwd|secret[ _-]?(?:access[ _-]?)?key|secret[_-]?string|secret|token|"
    r"(?:api|access|private|signing|encryption|account)[_-]?key|(?<=[?&])(?:sig|(?:x-amz-)?signature))"
)
_SECRET_NAME = re.compile(rf"(?i:{_NAMES})\Z")
_NOTHING = frozenset(("null", "none", "nil", "true", "false", "undefined", "required", "missing", "invalid", "expired"))
"""What stands behind `token:` in a log and is no token."""

_BODY = r"[A-Za-z0-9_-]"
_TOKENS = (
    ("slack-token", r"(?:xox[a-z]|xapp)-[A-Za-z0-9-]{8,}+"),
    ("slack-webhook", r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]++"),
    ("github-token", r"(?:gh[a-z]_[A-Za-z0-9]{16,}+|github_pat_\w{16,}+)"),
    ("gitlab-token", rf"gl[a-z]{{2,6}}-{_BODY}{{16,}}+"),
    ("google-key", rf"AIza{_BODY}{{35}}(?!{_BODY})"),
    ("google-token", rf"ya29\.{_BODY}{{16,}}+"),
    ("stripe-key", r"(?:[sr]k_(?:live|test)|whsec)_[A-Za-z0-9]{16,}+"),
    ("model-key", rf"sk-{_BODY}{{20,}}+"),
    ("package-key", rf"(?:npm_[A-Za-z0-9]{{36}}(?![A-Za-z0-9])|pypi-{_BODY}{{16,}}+)"),
    ("atlassian-token", r"ATATT3[A-Za-z0-9_=-]{16,}+"),
    ("sendgrid-key", rf"SG\.{_BODY}{{16,}}+\.{_BODY}{{16,}}+"),
    ("jwt", rf"eyJ{_BODY}{{8,}}+(?:\.{_BODY}*+){{2,4}}"),
    ("aws-key", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Z0-9])"),
)
_KINDS = tuple(kind for kind, _ in _TOKENS)
_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[\s\S]{0,16384}?-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|[\s\S]{0,16384})"
)
"""A key of which the end is missing takes the 16 KB behind it along."""
_HEADER = re.compile(
    r"""(?i)\b((?:proxy-)?authorization(?:\\{0,4}["'])?\s{0,4}[:=]\s{0,4}(?:\\{0,4}["'])?"""
    r"""(?:[a-z0-9-]{1,20}[ ]{1,4})?)[^\s"'\\,]++|\b(bearer[ ]{1,4})[A-Za-z0-9._~+/=-]{8,}+|"""
    r"""\b((?:set-)?cookie[ ]?:[ ]?)[^\n"']++"""
)
_USER = re.compile(r"""(:(?:\\?/){2})[^\s/"'<>]{1,384}@""")
_GIVEN = re.compile(
    rf"(?i)(?=[aepstx])({_NAMES}(?:\\{{0,4}}[\"'])?\s{{0,4}}(?:=>|[:=])\s{{0,4}}(?:\[\s{{0,4}}(?=[\"'\\]))?)"
    r"""(?:(")(?:[^"\\\n]|\\.)++("?)|(')(?:[^'\\\n]|\\.)++('?)|"""
    r"""(\\{1,4}["'])(?:(?!\\{1,4}["'])[^\n])++(\\{1,4}["'])?|((?:[^\s"'&,;{}()<>\\]|\\(?!["'nrt\[]))++))"""
)
_TOKEN = re.compile(
    r"(?=[AESaeghnprswxy])(?<![A-Za-z0-9_])(?:" + "|".join(f"({pattern})" for _, pattern in _TOKENS) + ")"
)
_GAP = re.compile(r"((?:\r?\n|\\r\\n|\\n)[ \t]{0,80})")
_BROKEN = re.compile(rf"(?<![\w.=-])[\w.=-]{{2,}}+(?:{_GAP.pattern}[\w.=-]{{2,}}+)++")
"""Words that may go on in the next line, where a line was too long for a token."""
_EMAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]++@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?:[\w%+@-]|\.(?=[\w.%+@-]))*+")
_CARD = re.compile(r"(?<![\w.-])[2-6]\d(?:[ -]?\d){11,17}(?![\w-])")
_CARDS = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|"
    r"6(?:011|5\d\d|4[4-9]\d)\d{12}|35\d{14}"
)
"""The lengths and first digits that cards have (ISO/IEC 7812); a time in milliseconds has others."""
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_AWS_WORD = re.compile(r"(?i:(?<!redacted:)(?:aws|secret))|redacted:aws-key")
_AWS_SECRET = re.compile(r"(?<![A-Za-z0-9/+=])(?![0-9a-f]{40})[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
"""Forty characters that may be anything (though no commit's hash), and are a secret on a line that speaks of one."""


_ROUNDS = 6
"""What is taken out may lay bare what stood against it; two rounds do for nearly everything."""


@lru_cache(maxsize=1024)
def redact(text: str) -> str:
    """`text` with `[redacted:<kind>]` for every secret, mail address, card and account number that we recognise.

    Redacting twice changes nothing. A private key that is cut into several texts is only recognised in the one that
    holds its first line.
    """
    for _ in range(_ROUNDS):
        told = _redact(text)
        if told == text:
            break
        text = told
    return text


def redact_value(name: str, value: str) -> str:
    """`redact(value)`, and nothing of it where `name` says that it is a secret."""
    return _marker("secret") if value and _SECRET_NAME.search(name.strip()) else redact(value)


def _redact(text: str) -> str:
    lower = text.lower()
    for words, pattern, replacement in _STEPS:
        if any(map(lower.__contains__, words)):
            text = pattern.sub(replacement, text)
    return _without_aws_secrets(text) if _AWS_WORD.search(text) else text


def _without_aws_secrets(text: str) -> str:
    lines = text.split("\n")
    return "\n".join(_AWS_SECRET.sub(_marker("secret-key"), line) if _AWS_WORD.search(line) else line for line in lines)


def _marker(kind: str) -> str:
    return f"[redacted:{kind}]"


def _header(found: re.Match[str]) -> str:
    return f"{found[1] or found[2] or found[3]}{_marker('authorization')}"


def _given(found: re.Match[str]) -> str:
    start, double, end_double, single, end_single, escaped, end_escaped, bare = found.groups()
    if bare and bare.lower() in _NOTHING:
        return found[0]
    opening, closing = double or single or escaped or "", end_double or end_single or end_escaped or ""
    return f"{start}{opening}{_marker('secret')}{closing}"


def _token(found: re.Match[str]) -> str:
    return _marker(_KINDS[(found.lastindex or 1) - 1])


def _joined(found: re.Match[str]) -> str:
    """Nothing of a token that is one only together with what stands at the beginning of the next line."""
    words = _GAP.split(found[0])
    for at in range(0, len(words) - 2, 2):
        start, rest = words[at], words[at + 2]
        for token in _TOKEN.finditer(start + rest):
            if token.start() < len(start) < token.end():
                words[at] = f"{start[: token.start()]}{_token(token)}"
                words[at + 2] = rest[token.end() - len(start) :]
    return "".join(words)


def _card(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found[0])
    return _marker("card") if _CARDS.fullmatch(digits) and _luhn(digits) else found[0]


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(twice - 9 * (twice > 9) for twice in doubled)) % 10 == 0  # noqa: PLR2004


def _iban(found: re.Match[str]) -> str:
    said = found[0].replace(" ", "")
    number = int("".join(str(int(each, 36)) for each in said[4:] + said[:4]))
    return _marker("iban") if number % 97 == 1 else found[0]


_TOKEN_WORDS = (
    "xox", "xapp-", "slack.com", "gh", "gl", "aiza", "ya29", "k_", "whsec_", "sk-", "npm_", "pypi-", "atatt3", "sg.",
    "eyj", "akia", "asia", "abia", "acca",
)  # fmt: skip
_STEPS: tuple[tuple[tuple[str, ...], re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (("private key",), _PEM, _marker("private-key")),
    (("authorization", "bearer", "cookie"), _HEADER, _header),
    (("://", r":\/\/"), _USER, rf"\1{_marker('user')}@"),
    (("pass", "pwd", "secret", "token", "key", "sig"), _GIVEN, _given),
    (_TOKEN_WORDS, _TOKEN, _token),
    (_TOKEN_WORDS, _BROKEN, _joined),
    (("@",), _EMAIL, _marker("email")),
    (("",), _CARD, _card),
    (("",), _IBAN, _iban),
)
"""Each pattern with the words (in lower case) without one of which it cannot match: most text holds few of them."""
