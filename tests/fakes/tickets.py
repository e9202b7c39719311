"""A ticket system in memory."""

from dataclasses import dataclass, field

from shared.errors import MiddlewatchError, Refused


@dataclass
class Ticket:
    key: str
    project: str
    kind: str
    summary: str
    description: str
    label: str
    state: str = "To Do"
    comments: list[str] = field(default_factory=list)


@dataclass
class MemoryTickets:
    """Each call raises the next of `fails`; each of `lost` is the reply of a creation or comment that happened."""

    projects: tuple[str, ...] = ("OPS",)
    tickets: list[Ticket] = field(default_factory=list)
    fails: list[MiddlewatchError] = field(default_factory=list)
    lost: list[MiddlewatchError] = field(default_factory=list)

    def create(self, project: str, kind: str, summary: str, description: str, label: str) -> str:
        self._fail()
        if project not in self.projects:
            message = f"there is no project {project}"
            raise Refused(message)
        key = f"{project}-{len(self.tickets) + 1}"
        self.tickets.append(Ticket(key, project, kind, summary, description, label))
        self._lose()
        return key

    def find(self, project: str, label: str) -> str | None:
        self._fail()
        return next((each.key for each in self.tickets if (each.project, each.label) == (project, label)), None)

    def comment(self, key: str, text: str, mark: str) -> str:
        self._fail()
        comments = self._ticket(key).comments
        comments.append(f"{text}\n{mark}")
        self._lose()
        return str(len(comments))

    def commented(self, key: str, mark: str) -> str | None:
        self._fail()
        marks = [text.rpartition("\n")[2] for text in self._ticket(key).comments]
        return str(marks.index(mark) + 1) if mark in marks else None

    def move(self, key: str, name: str) -> bool:
        self._fail()
        if name not in {"To Do", "In Progress", "Done"}:
            return False
        self._ticket(key).state = name
        return True

    def url(self, key: str) -> str:
        return f"https://jira.shop.example/browse/{key}"

    def _ticket(self, key: str) -> Ticket:
        for each in self.tickets:
            if each.key == key:
                return each
        message = f"there is no ticket {key}"
        raise Refused(message)

    def _fail(self) -> None:
        if self.fails:
            raise self.fails.pop(0)

    def _lose(self) -> None:
        if self.lost:
            raise self.lost.pop(0)
