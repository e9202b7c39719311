"""An AWS in one process: moto for what our code calls, and an emulator of what calls our code.

What it does not prove: permissions are recorded, and enforced only where somebody says so (`EmbeddedAws.enforce`) and
as far as moto knows them; there is one stream shard; consumers scale to a fixed number of processes; items do not
expire; EventBridge delivers once, in order and only to queues; messages are delivered once unless a function fails.
After a restart items, messages, stream records and the resources of DynamoDB, SQS, EventBridge, SNS, SES, Secrets
Manager and Scheduler are there again, other services of moto begin anew; the ARNs of SNS subscriptions and the label of
the stream are new ones.
"""
