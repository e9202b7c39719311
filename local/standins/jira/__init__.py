"""A Jira Cloud that the real jira client talks to, with a page that shows the tickets."""
