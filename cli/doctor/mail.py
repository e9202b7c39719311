"""E-mail: whether SES lets our sender send, and to whom."""

from collections.abc import Iterator, Mapping

from cli.doctor.finding import Aws, Finding, note, ok, wrong

CHECK = "e-mail"
PRODUCTION = "ask for production access (SES console, Account dashboard)"


def mail(aws: Aws, environment: Mapping[str, str]) -> Iterator[Finding]:
    """The sender and the recipients in the environment of the function `notification`."""
    sender = environment.get("SES_SENDER", "").strip()
    recipients = [each.strip() for each in environment.get("EMAIL_RECIPIENT", "").split(",") if each.strip()]
    if not sender or not recipients:
        yield note(CHECK, "is not used: Slack is the only channel", "set the variables ses_sender and email_recipients")
        return
    account = aws("sesv2").get_account()
    verified = _verified(aws, [sender, *recipients])
    if not account.get("SendingEnabled", True):
        yield wrong(CHECK, "SES has paused sending for this account", "see the reputation dashboard of SES")
    if not verified[sender]:
        fix = f"open the link that SES sent to {sender}; for a domain, publish its DKIM records"
        yield wrong(CHECK, f"SES does not know that {sender} is ours", fix)
    else:
        yield ok(CHECK, f"{sender} may send")
    if account.get("ProductionAccessEnabled"):
        return
    if unverified := [each for each in recipients if not verified[each]]:
        fix = f"{PRODUCTION}, or verify them"
        yield wrong(CHECK, f"the SES sandbox lets nothing through to {', '.join(unverified)}", fix)
    else:
        yield note(
            CHECK, "the account is in the SES sandbox: 200 e-mails a day, to verified addresses only", PRODUCTION
        )


def _verified(aws: Aws, addresses: list[str]) -> dict[str, bool]:
    """Whether SES knows each address, or its domain, for ours."""
    identities = {name for each in addresses for name in (each, each.rpartition("@")[2])}
    said = aws("ses").get_identity_verification_attributes(Identities=sorted(identities))["VerificationAttributes"]
    known = {name for name, each in said.items() if each["VerificationStatus"] == "Success"}
    return {each: bool({each, each.rpartition("@")[2]} & known) for each in addresses}
