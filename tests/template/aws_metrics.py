"""Metrics that AWS publishes by itself and the project reads, with the sets of dimensions that it publishes them by."""

# By function; by function and alias or version.
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
_FUNCTION = ({"FunctionName"}, {"FunctionName", "Resource"})
# An execution counts for its state machine, by whichever alias or version it was started.
# https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
_MACHINE = ({"StateMachineArn"},)
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
_QUEUE = ({"QueueName"},)
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.monitoring.html: dimension sets 1, 3 and 4.
_PROXY = ({"ProxyName"}, {"ProxyName", "TargetGroup", "Target"}, {"ProxyName", "TargetGroup", "TargetRole"})

AWS_METRICS: dict[tuple[str, str], tuple[set[str], ...]] = {
    ("AWS/Lambda", "ConcurrentExecutions"): _FUNCTION,
    ("AWS/Lambda", "Duration"): _FUNCTION,
    ("AWS/Lambda", "Errors"): _FUNCTION,
    ("AWS/Lambda", "Invocations"): _FUNCTION,
    ("AWS/Lambda", "IteratorAge"): _FUNCTION,
    ("AWS/Lambda", "Throttles"): _FUNCTION,
    ("AWS/RDS", "DatabaseConnectionsBorrowLatency"): _PROXY,
    ("AWS/RDS", "DatabaseConnectionsCurrentlySessionPinned"): _PROXY,
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): _QUEUE,
    ("AWS/States", "ExecutionTime"): _MACHINE,
    ("AWS/States", "ExecutionsFailed"): _MACHINE,
    ("AWS/States", "ExecutionsStarted"): _MACHINE,
    ("AWS/States", "ExecutionsSucceeded"): _MACHINE,
    ("AWS/States", "ExecutionsTimedOut"): _MACHINE,
}
