import pytest

from shared.assessment import Claim, as_prose


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([], ""),
        (["It fails"], "It fails."),
        (["It fails", "It was well!", "Why?", "It said…", "It ends."], "It fails. It was well! Why? It said… It ends."),
    ],
)
def test_claims_read_as_sentences_each_with_one_end(texts: list[str], said: str) -> None:
    assert as_prose(Claim(text=text, evidence=()) for text in texts) == said
