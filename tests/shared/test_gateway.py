from shared.gateway import plainly


def test_what_only_says_how_we_were_reached_is_left_out_however_often_it_was_sent() -> None:
    headers = {"Host": "a:1:2", "x-forwarded-port": "1,443", "x-slack-signature": "v0=1"}
    assert plainly({"version": "2.0", "headers": headers}) == {
        "version": "2.0",
        "headers": {"x-slack-signature": "v0=1"},
    }


def test_an_event_without_headers_stays_one() -> None:
    assert plainly({"headers": None}) == {"headers": {}}


def test_an_event_that_names_no_headers_has_none() -> None:
    assert plainly({"version": "2.0"}) == {"version": "2.0", "headers": {}}
