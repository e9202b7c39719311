# May this action run: by itself, after people agreed, or not at all?
#
# Three questions, each answered by conditions that must all be shown to hold. A condition that cannot be shown does not
# hold, so whatever is missing, of the wrong type or undefined ends in `deny`.
#
#   incomplete   is every fact that we need there, and of the right type?   facts.rego
#   permitted    does nothing forbid it, whoever asks?                      permitted.rego
#   alone        does nothing speak against doing it without a person?      alone.rego
#
# Input: functions/policy_gate/input.py. `data.limits`: `limits` in services.yaml. Tests: *_test.rego.
package middlewatch

import rego.v1

default verdict := "deny"

verdict := "go" if {
	permitted
	alone
}

verdict := "go" if {
	permitted
	agreed
}

verdict := "ask" if {
	permitted
	not alone
	not agreed
	answerable
}

# People

quorum := data.limits.quorum[input.service.tier]

# Who may approve here; nobody agrees to their own proposal. `able` are the people behind `approvers`, as of now.
electorate := {person | some person in input.service.able; person != input.proposal.author}

# Different people who agreed to exactly this proposal, and still may.
agreeing := {approval.person |
	some approval in input.approvals
	approval.proposal_hash == input.proposal.hash
	approval.person in electorate
}

agreed if count(agreeing) >= quorum

answerable if count(electorate) >= quorum

# The whole answer: functions/policy_gate/policy.py asks for this and for nothing else.

decision := {"verdict": "deny", "reasons": reasons} if verdict == "deny"

decision := {
	"verdict": verdict,
	"reasons": reasons,
	"quorum": quorum,
	"approvers": input.service.approvers,
	"expires_seconds": data.limits.approval_seconds,
	"remind_seconds": data.limits.approval_seconds / 2,
	"verification": data.limits.verification[input.service.tier],
} if verdict != "deny"

reasons := {"the target is not in the inventory"} if {
	not is_object(input.service)
} else := {sprintf("%s is not known, or of the wrong type", [fact]) | some fact in incomplete} if {
	count(incomplete) > 0
} else := forbidden if {
	not permitted
} else := {"every condition for acting without a person holds"} if {
	alone
} else := doubts | {sprintf("%s agreed", [person]) | some person in agreeing} if {
	answerable
} else := doubts | {"too few people may approve this"}
