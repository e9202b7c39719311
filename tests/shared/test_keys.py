from shared import keys
from tests.builders import T0


def test_every_key_is_as_every_release_before_wrote_it() -> None:
    found = {
        "head": keys.head("INC-1"),
        "open_target": keys.open_target("ecs:shop/orders"),
        "alarm": keys.alarm("INC-1", "f1"),
        "counted": keys.counted("INC-1", "f1"),
        "counted_in": keys.counted_in("INC-1"),
        "delivery": keys.delivery("f1/firing"),
        "timer": keys.timer("INC-1", "hold"),
        "action": keys.action("INC-1", "INC-1-p1"),
        "actions": keys.actions("ecs:shop/orders"),
        "budget": keys.budget("actions", T0),
        "sent": keys.sent("INC-1", "slack", "INC-1/2"),
        "moved": keys.moved("INC-1"),
        "moved_list": keys.moved_list(3),
        "anchored": keys.anchored("INC-1"),
        "waits": keys.waits("INC-1", 2),
        "waiting": keys.waiting("C0"),
        "together": keys.together("C0", 7),
        "storm": keys.STORM,
        "archive": keys.ARCHIVE,
        "tests": keys.TESTS,
        "canary": keys.CANARY,
        "kill switch": keys.KILL_SWITCH,
    }

    assert found == {
        "head": "head#INC-1",
        "open_target": "open#ecs:shop/orders",
        "alarm": "alarm#INC-1#f1",
        "counted": "counted#INC-1#f1",
        "counted_in": "counted#INC-1",
        "delivery": "delivery#f1/firing",
        "timer": "timer#INC-1#hold",
        "action": "action#INC-1#INC-1-p1",
        "actions": "actions#ecs:shop/orders",
        "budget": "budget#actions#2026-11-21T03",
        "sent": "sent#INC-1#slack#INC-1/2",
        "moved": "moved#INC-1",
        "moved_list": "moved#3",
        "anchored": "anchored#INC-1",
        "waits": "waits#INC-1#2",
        "waiting": "waiting#C0",
        "together": "together#C0#7",
        "storm": "switch#storm",
        "archive": "archive",
        "tests": "tests",
        "canary": "canary",
        "kill switch": "switch#kill",
    }


def test_an_incident_stays_on_the_shard_on_which_it_was_written() -> None:
    assert [keys.shard(f"INC-{number}") for number in range(8)] == [1, 3, 1, 3, 0, 2, 0, 2]
