# The facts that the policy needs, each of its type. One that is missing makes the whole input incomplete, so that no rule
# elsewhere can be skipped by leaving out what it asks for.
package middlewatch

import rego.v1

incomplete contains "proposal.id" if not is_string(input.proposal.id)

incomplete contains "proposal.hash" if not is_string(input.proposal.hash)

incomplete contains "proposal.author" if not is_string(input.proposal.author)

incomplete contains "proposal.by_person" if not is_boolean(input.proposal.by_person)

incomplete contains "proposal.action" if not is_string(input.proposal.action)

incomplete contains "proposal.target" if not is_string(input.proposal.target)

incomplete contains "proposal.inputs" if not is_object(input.proposal.inputs)

incomplete contains "proposal.expires_in_seconds" if not is_number(input.proposal.expires_in_seconds)

incomplete contains "service.name" if not is_string(input.service.name)

incomplete contains "service.target" if not is_string(input.service.target)

incomplete contains "service.tier" if not is_string(input.service.tier)

incomplete contains "service.owner" if not is_string(input.service.owner)

incomplete contains "service.mode" if not is_string(input.service.mode)

incomplete contains "assessment.decision" if not is_string(input.assessment.decision)

incomplete contains "assessment.confidence" if not is_number(input.assessment.confidence)

incomplete contains "assessment.risk" if not is_string(input.assessment.risk)

incomplete contains "assessment.gaps" if not is_number(input.assessment.gaps)

incomplete contains "history.actions_this_hour" if not is_number(input.history.actions_this_hour)

incomplete contains "history.actions_this_hour_on_target" if not is_number(input.history.actions_this_hour_on_target)

incomplete contains "time.at" if not is_string(input.time.at)

incomplete contains "time.hour" if not is_number(input.time.hour)

incomplete contains "time.weekday" if not is_number(input.time.weekday)

incomplete contains "target" if not is_string(input.target)

incomplete contains "severity" if not is_string(input.severity)

incomplete contains "acknowledged" if not is_boolean(input.acknowledged)

incomplete contains "flapping" if not is_boolean(input.flapping)

incomplete contains "strange" if not is_boolean(input.strange)

incomplete contains "switch" if not is_string(input.switch)

incomplete contains "limits.confidence" if not is_number(data.limits.confidence)

incomplete contains "limits.gaps" if not is_number(data.limits.gaps)

incomplete contains "limits.again_after_hours" if not is_number(data.limits.again_after_hours)

incomplete contains "limits.actions_per_hour" if not is_number(data.limits.actions_per_hour)

incomplete contains "limits.actions_per_target_per_hour" if not is_number(data.limits.actions_per_target_per_hour)

incomplete contains "limits.approval_seconds" if not is_number(data.limits.approval_seconds)

incomplete contains "limits.quorum" if not is_number(quorum)

incomplete contains "service.approvers" if not strings(input.service.approvers)

incomplete contains "service.able" if not strings(input.service.able)

incomplete contains "service.actions" if not strings(input.service.actions)

incomplete contains "service.scale" if not scale

incomplete contains "breach_confirmed" if not breach

incomplete contains "alerts" if not alerts

incomplete contains "history.actions" if not actions

incomplete contains "approvals" if not approvals

strings(list) if {
	is_array(list)
	count([1 | some each in list; is_string(each)]) == count(list)
}

scale if is_null(input.service.scale)

scale if {
	is_number(input.service.scale.least)
	is_number(input.service.scale.most)
}

# true: we read the breach ourselves; false: we read that there is none; null: we could not tell.
breach if is_boolean(input.breach_confirmed)

breach if is_null(input.breach_confirmed)

alerts if {
	is_array(input.alerts)
	count(input.alerts) > 0
	count([1 | some each in input.alerts; an_alert(each)]) == count(input.alerts)
}

an_alert(each) if {
	is_string(each.title)
	each.state in {"firing", "resolved", "unknown"}
	is_string(each.severity)
}

actions if {
	is_array(input.history.actions)
	count([1 | some each in input.history.actions; an_action(each)]) == count(input.history.actions)
}

an_action(each) if {
	is_string(each.action)
	is_string(each.standing)
	is_number(each.hours_ago)
}

approvals if {
	is_array(input.approvals)
	count([1 | some each in input.approvals; an_approval(each)]) == count(input.approvals)
}

an_approval(each) if {
	is_string(each.person)
	is_string(each.proposal_hash)
}
