resource "aws_cloudwatch_event_bus" "middlewatch" {
  name = var.name
}

resource "aws_sqs_queue" "undelivered" {
  name = "${var.name}-undelivered"
}
