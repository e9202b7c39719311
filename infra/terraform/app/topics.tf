# People hear here that Middlewatch itself fails: CloudWatch, SNS and e-mail, and nothing of ours in between.
resource "aws_sns_topic" "operators" {
  name              = "${var.name}-operators"
  kms_master_key_id = aws_kms_key.app.arn
}
