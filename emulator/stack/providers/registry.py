"""Which resource types are provided, and what it means that another is not."""

from emulator.stack.providers.base import Provider
from emulator.stack.providers.buckets import BucketProvider
from emulator.stack.providers.functions import (
    AliasProvider,
    EventInvokeConfigProvider,
    FunctionProvider,
    LayerVersionProvider,
    PermissionProvider,
    VersionProvider,
)
from emulator.stack.providers.identities import InlinePolicyProvider, ManagedPolicyProvider, RoleProvider
from emulator.stack.providers.log_groups import LogGroupProvider
from emulator.stack.providers.machine_versions import StateMachineAliasProvider, StateMachineVersionProvider
from emulator.stack.providers.queues import QueuePolicyProvider, QueueProvider, TopicProvider
from emulator.stack.providers.state_machines import StateMachineProvider
from emulator.stack.providers.streams import EventSourceMappingProvider, StreamProvider
from emulator.stack.providers.tables import TableProvider

PROVIDERS: dict[str, Provider] = {
    "AWS::DynamoDB::Table": TableProvider(),
    "AWS::IAM::ManagedPolicy": ManagedPolicyProvider(),
    "AWS::IAM::Policy": InlinePolicyProvider(),
    "AWS::IAM::Role": RoleProvider(),
    "AWS::Kinesis::Stream": StreamProvider(),
    "AWS::Lambda::Alias": AliasProvider(),
    "AWS::Lambda::EventInvokeConfig": EventInvokeConfigProvider(),
    "AWS::Lambda::EventSourceMapping": EventSourceMappingProvider(),
    "AWS::Lambda::Function": FunctionProvider(),
    "AWS::Lambda::LayerVersion": LayerVersionProvider(),
    "AWS::Lambda::Permission": PermissionProvider(),
    "AWS::Lambda::Version": VersionProvider(),
    "AWS::Logs::LogGroup": LogGroupProvider(),
    "AWS::S3::Bucket": BucketProvider(),
    "AWS::SNS::Topic": TopicProvider(),
    "AWS::SQS::Queue": QueueProvider(),
    "AWS::SQS::QueuePolicy": QueuePolicyProvider(),
    "AWS::StepFunctions::StateMachine": StateMachineProvider(),
    "AWS::StepFunctions::StateMachineAlias": StateMachineAliasProvider(),
    "AWS::StepFunctions::StateMachineVersion": StateMachineVersionProvider(),
}

# What a developer has to know about a type that is not made; any type that is missing here gets the general sentence.
_MEANINGS = {
    "AWS::CloudWatch::Alarm": "nothing watches metrics here: ask CloudWatch for them by GetMetricData",
    "AWS::CloudWatch::CompositeAlarm": "no alarm is evaluated here",
    "AWS::CloudWatch::Dashboard": "there is no console to show it",
    "AWS::EC2::SecurityGroup": "there is no network to guard on this machine",
    "AWS::EC2::SecurityGroupEgress": "there is no network to guard on this machine",
    "AWS::EC2::SecurityGroupIngress": "there is no network to guard on this machine",
    "AWS::EC2::VPCEndpoint": "S3 is reached on the loopback",
    "AWS::Logs::QueryDefinition": "there is no Logs Insights: read logs by FilterLogEvents",
    "AWS::RDS::DBProxy": "functions connect to the database itself: pinning and borrow time-outs do not happen here",
    "AWS::RDS::DBProxyTargetGroup": "functions connect to the database itself",
    "AWS::SNS::Subscription": "nothing is delivered through it; a subscription in the topic itself is made",
    "AWS::SNS::TopicPolicy": "no call is judged by it",
    "AWS::XRay::Group": "traces are not grouped here: give GetTraceSummaries the group's FilterExpression",
    "AWS::XRay::SamplingRule": "every trace is taken here",
}


def explain_not_emulated(resource_type: str) -> str:
    """What it means for a run on this machine that the type is not made."""
    if resource_type.startswith("Custom::") or resource_type == "AWS::CloudFormation::CustomResource":
        return "nobody calls the function of a custom resource here; invoke it by hand"
    return _MEANINGS.get(resource_type, f"{resource_type} is not emulated; nothing is made of it")
