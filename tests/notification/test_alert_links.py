from functions.notification.render import detail
from shared import facts
from tests.builders import a_history
from tests.notification.story import an_item

WHERE = "https://eu-west-1.console.aws.amazon.com/ecs"


def test_nobody_is_led_to_where_the_alert_points() -> None:
    items = (
        an_item(1, "alert", "it rings", link="https://evil.example/login"),
        an_item(2, "ecs.service", "4 run", link=WHERE),
    )
    evidence = facts.EvidenceCollected(round=1, items=items, gaps=(), digest="e" * 64)
    said = detail(a_history(evidence).entries[-1]).blocks[0]["text"]["text"]
    assert "evil.example" not in said
    assert f"<{WHERE}|ecs.service>" in said
