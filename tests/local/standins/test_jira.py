"""The Jira stand-in as the real jira client sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from jira import JIRA, JIRAError

from local.standins.jira.app import build
from local.standins.jira.jql import JqlError, search
from local.standins.jira.tickets import Site
from local.standins.jira.wiki import render
from local.standins.serving import listen, serving, url_of

FIELDS: dict[str, Any] = {
    "project": {"key": "OPS"},
    "issuetype": {"name": "Incident"},
    "summary": "payments: 5xx rate 21.7 %",
    "labels": ["middlewatch", "mw-inc-1"],
    "description": "what happened",
}


def client(url: str, token: str) -> JIRA:
    return JIRA(server=url, basic_auth=("bot@example.com", token), max_retries=0, timeout=5)


@dataclass
class Jira:
    url: str
    client: JIRA

    def refused(self, **change: Any) -> JIRAError:
        with pytest.raises(JIRAError) as error:
            self.client.create_issue(fields=FIELDS | change)
        return error.value


@pytest.fixture
def jira(tmp_path: Path) -> Iterator[Jira]:
    listener = listen()
    site = Site.load(url_of(listener), "bot@example.com", {"OPS": "Operations", "PAY": "Payments"}, tmp_path / "j.json")
    with serving(build(site, "good"), listener) as url:
        yield Jira(url, client(url, "good"))


def test_a_ticket_is_created_found_by_its_label_commented_and_done(jira: Jira) -> None:
    issue = jira.client.create_issue(fields=FIELDS)
    found = jira.client.search_issues('project = OPS AND labels = "mw-inc-1"')
    none = jira.client.search_issues('project = PAY AND labels = "mw-inc-1"')
    jira.client.add_comment(issue, "restarted")
    names = {one["name"]: one["id"] for one in jira.client.transitions(issue)}
    jira.client.transition_issue(issue, "In Progress")
    jira.client.transition_issue(issue.key, names["Done"], comment="recovered")
    issue = jira.client.issue(issue.key)

    assert issue.key == "OPS-1"
    assert [one.key for one in found] == ["OPS-1"]
    assert list(none) == []
    assert [comment.body for comment in jira.client.comments(issue)] == ["restarted", "recovered"]
    assert (str(issue.fields.status), str(issue.fields.resolution)) == ("Done", "Done")


def test_the_client_learns_of_site_account_project_and_types(jira: Jira) -> None:
    assert jira.client.server_info()["deploymentType"] == "Cloud"
    assert jira.client.myself()["emailAddress"] == "bot@example.com"
    assert jira.client.project("PAY").name == "Payments"
    assert [one.key for one in jira.client.projects()] == ["OPS", "PAY"]
    assert "Incident" in [one.name for one in jira.client.issue_types()]
    assert jira.client.createmeta(projectKeys="OPS")["projects"][0]["issuetypes"][0]["name"] == "Task"
    assert jira.client.create_issue(project="OPS", issuetype="Bug", summary="by name").key == "OPS-1"


def test_fields_and_labels_can_be_edited(jira: Jira) -> None:
    issue = jira.client.create_issue(fields=FIELDS)
    issue.update(fields={"summary": "changed"}, update={"labels": [{"add": "more"}, {"remove": "middlewatch"}]})

    assert jira.client.issue(issue.key).fields.summary == "changed"
    assert jira.client.issue(issue.key).fields.labels == ["mw-inc-1", "more"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"summary": ""}, "You must specify a summary"),
        ({"summary": "two\nlines"}, "newline"),
        ({"summary": "x" * 256}, "255 characters"),
        ({"labels": ["two words"]}, "contains spaces"),
        ({"issuetype": {"name": "Nonsense"}}, "valid issue type"),
        ({"project": {"key": "NO"}}, "valid project is required"),
        ({"customfield_1": 3}, "cannot be set"),
        ({"description": {"type": "doc"}}, "must be a string"),
        ({"priority": "High"}, "data was not an object"),
        ({"summary": 7}, "must be a string"),
        ({"labels": "middlewatch"}, "data was not an array"),
        ({"labels": [7]}, "data was not an array"),
    ],
)
def test_what_jira_would_refuse_is_refused_with_its_sentence(jira: Jira, change: dict[str, Any], sentence: str) -> None:
    error = jira.refused(**change)

    assert error.status_code == 400
    assert sentence in str(error.text)


def test_a_stranger_gets_401_and_a_missing_ticket_404(jira: Jira) -> None:
    with pytest.raises(JIRAError) as stranger:
        client(jira.url, token="bad").myself()
    with pytest.raises(JIRAError) as missing:
        jira.client.issue("OPS-99")
    with pytest.raises(JIRAError) as query:
        jira.client.search_issues("nonsense = 3")

    assert [error.value.status_code for error in (stranger, missing, query)] == [401, 404, 400]


def test_a_page_or_an_outage_that_cannot_be_meant_is_told(jira: Jira) -> None:
    known = ("bot@example.com", "good")
    page = httpx.get(f"{jira.url}/rest/api/2/search/jql?jql=project=OPS&nextPageToken=x", auth=known)
    outages = [httpx.post(f"{jira.url}/_standin/outage", content=body) for body in (b"{", b"[]", b'{"lag": "x"}')]

    assert page.status_code == 400
    assert [answer.status_code for answer in outages] == [422, 422, 422]


def test_the_old_search_is_gone_as_it_is_in_the_cloud(jira: Jira) -> None:
    answer = httpx.get(f"{jira.url}/rest/api/2/search?jql=project=OPS", auth=("bot@example.com", "good"))

    assert answer.status_code == 410


def test_an_outage_and_a_late_index_can_be_asked_for(jira: Jira) -> None:
    httpx.post(f"{jira.url}/_standin/outage", json={"mode": "down"})
    down = jira.refused()
    httpx.post(f"{jira.url}/_standin/outage", json={"mode": "ok", "lag": 60})
    issue = jira.client.create_issue(fields=FIELDS)
    late = jira.client.search_issues("project = OPS")
    again = jira.client.enhanced_search_issues("project = OPS", reconcileIssues=[int(issue.id)])

    assert down.status_code == 503
    assert list(late) == []
    assert [one.key for one in again] == ["OPS-1"]


def test_tickets_are_found_again_in_their_file(jira: Jira, tmp_path: Path) -> None:
    jira.client.create_issue(fields=FIELDS)
    again = Site.load("http://x", "bot@example.com", {"OPS": "Operations"}, tmp_path / "j.json")

    assert again.issue("OPS-1")["fields"]["summary"] == FIELDS["summary"]
    assert again.create({"fields": FIELDS})["key"] == "OPS-2"


def test_the_pages_show_tickets_and_escape_them(jira: Jira) -> None:
    issue = jira.client.create_issue(fields=FIELDS | {"summary": "<script>alert(1)</script>"})
    jira.client.add_comment(issue, "restarted & <b>well</b>")
    every, one = httpx.get(jira.url).text, httpx.get(f"{jira.url}/browse/{issue.key}").text

    assert "&lt;script&gt;alert(1)" in every
    assert "restarted &amp; &lt;b&gt;well&lt;/b&gt;" in one
    assert httpx.get(f"{jira.url}/browse/OPS-9").status_code == 404


def test_jql_reads_lists_negation_text_and_order() -> None:
    site = Site("http://x", "bot")
    for number in range(3):
        site.create({"fields": FIELDS | {"summary": f"number {number}", "labels": [f"l{number}"]}})
    issues = list(site.issues.values())

    assert [one["key"] for one in search(issues, "project = OPS")] == ["OPS-3", "OPS-2", "OPS-1"]
    assert [one["key"] for one in search(issues, 'labels in (l0, "l2") ORDER BY created ASC')] == ["OPS-1", "OPS-3"]
    assert [one["key"] for one in search(issues, "labels != l0 AND status = 'To Do' order by key desc")] == [
        "OPS-3",
        "OPS-2",
    ]
    assert [one["key"] for one in search(issues, 'summary ~ "number 1"')] == ["OPS-2"]
    with pytest.raises(JqlError):
        search(issues, "labels = ")


def test_a_page_shows_markup_as_jira_would_and_lets_nothing_in() -> None:
    shown = render("*Alarm:* a \\[b\\] <i>\n* one\n* two\n\nend")
    assert shown == ("<p><b>Alarm:</b> a [b] &lt;i&gt;</p><ul><li>one</li><li>two</li></ul><p></p><p>end</p>")
