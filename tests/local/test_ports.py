from local.stack import OURS, free_ports
from local.standins.serving import listen


def test_ports_are_ones_that_no_outgoing_connection_takes_and_none_comes_twice() -> None:
    found = free_ports(*[0] * 20)

    assert len(set(found)) == 20
    assert set(found) <= set(OURS)


def test_a_wanted_port_is_taken_if_nobody_listens_there() -> None:
    with listen() as busy:
        taken = busy.getsockname()[1]
        (other,) = free_ports(taken)
        (wanted,) = free_ports(other)

    assert other != taken
    assert wanted == other
