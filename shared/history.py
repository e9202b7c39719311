"""A timeline as it was read."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

from shared.entry import Entry
from shared.errors import Refused
from shared.incident import Incident


@dataclass(frozen=True)
class History:
    """All entries of one incident, in order, as one strongly consistent read gave them.

    After an append, the newest `appended` of them are the ones that it added.
    """

    incident_id: str
    entries: tuple[Entry, ...] = ()
    appended: int = 0

    @cached_property
    def incident(self) -> Incident:
        """What these entries say the incident is; raises Refused where there are none."""
        if not self.entries:
            message = f"there is no incident {self.incident_id}"
            raise Refused(message)
        return Incident.replay(self.entries)

    def grown(self, entries: Sequence[Entry]) -> "History":
        """The history with `entries` appended; what is known of the incident is carried on, not replayed."""
        grown = History(self.incident_id, (*self.entries, *entries), appended=len(entries))
        if self.entries:
            vars(grown)["incident"] = reduce(Incident.after, entries, self.incident)
        return grown

    @property
    def last(self) -> Entry | None:
        """The newest entry."""
        return self.entries[-1] if self.entries else None

    @property
    def fresh(self) -> tuple[Entry, ...]:
        """What the append that returned this history added; empty after a read."""
        return self.entries[len(self.entries) - self.appended :]

    def entry(self, entry_id: str) -> Entry:
        """The entry of that id; raises Refused where it is not on this timeline (a forged or misrouted message)."""
        seq = entry_id.rpartition("/")[2]
        if seq.isascii() and seq.isdecimal() and 1 <= int(seq) <= len(self.entries):
            found = self.entries[int(seq) - 1]
            if found.id == entry_id:
                return found
        message = f"there is no entry {entry_id} on the timeline"
        raise Refused(message)

    def answered(self, cause: str, *, by: str) -> bool:
        """Whether `by` already appended something because of `cause`."""
        return any(entry.caused_by == cause and entry.actor == by for entry in self.entries)
