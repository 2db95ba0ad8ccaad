"""Who is told when it goes wrong, and what takes a deployment back."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.aws.components.collector import QUEUED, namespace
from stacks.aws.documents import document
from stacks.naming import name


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmsArgs:
    """`balancer` is the load balancer's ARN suffix, `targets` the stable target group's. `email` may be None."""

    account: Account
    balancer: pulumi.Input[str]
    targets: pulumi.Input[str]
    key: pulumi.Input[str]
    email: str | None
    engine: str


class Alarms(pulumi.ComponentResource):
    """A topic and its alarms. `rolls_back` are the names of those that end a deployment."""

    def __init__(self, resource_name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:Alarms", resource_name, {}, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.topic = aws.sns.Topic(
            "alerts", name=f"{args.account.stack}-alerts", kms_master_key_id=args.key, opts=self._child
        )
        policy = aws.sns.TopicPolicy("alerts", arn=self.topic.arn, policy=self._publishers(), opts=self._child)
        if args.email:
            aws.sns.TopicSubscription(
                "email", topic=self.topic.arn, protocol="email", endpoint=args.email, opts=self._child
            )
        self.rolls_back = names(args.account)
        self.made = [self._errors(), self._unhealthy()]
        if args.engine:
            self.made.append(self._waiting())
        # Who publishes must wait for the permission to.
        self.address = pulumi.Output.all(self.topic.arn, policy.id).apply(lambda both: str(both[0]))
        self.register_outputs({"topic": self.topic.arn})

    def _publishers(self) -> pulumi.Output[str]:
        """Alarms and budgets of this account may publish, and nobody else."""
        statement = {
            "Sid": "Publish",
            "Effect": "Allow",
            "Principal": {"Service": ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"]},
            "Action": ["sns:Publish"],
            # By its name and not by reference: what waits for the topic is not known before, and nobody could judge it.
            "Resource": self._args.account.arn("sns", f"{self._args.account.stack}-alerts"),
            "Condition": {"StringEquals": {"aws:SourceAccount": self._args.account.id}},
        }
        return document([statement])

    def _errors(self) -> aws.cloudwatch.MetricAlarm:
        """Ten failed requests a minute, two minutes of three: green's count as blue's do."""
        return aws.cloudwatch.MetricAlarm(
            "errors",
            name=self.rolls_back[0],
            alarm_description="The app answers with 5xx.",
            namespace="AWS/ApplicationELB",
            metric_name="HTTPCode_Target_5XX_Count",
            dimensions={"LoadBalancer": self._args.balancer},
            statistic="Sum",
            period=60,
            evaluation_periods=3,
            datapoints_to_alarm=2,
            threshold=10,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[self.topic.arn],
            opts=self._child,
        )

    def _unhealthy(self) -> aws.cloudwatch.MetricAlarm:
        return aws.cloudwatch.MetricAlarm(
            "unhealthy",
            name=name("aws.alarm", self._args.account.stack, "unhealthy"),
            alarm_description="Tasks of the api do not pass /health/ready.",
            namespace="AWS/ApplicationELB",
            metric_name="UnHealthyHostCount",
            dimensions={"LoadBalancer": self._args.balancer, "TargetGroup": self._args.targets},
            statistic="Minimum",
            period=60,
            evaluation_periods=5,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[self.topic.arn],
            opts=self._child,
        )

    def _waiting(self) -> aws.cloudwatch.MetricAlarm:
        """A quarter of an hour without an engine: no capacity, a quota, an image that does not start."""
        return aws.cloudwatch.MetricAlarm(
            "waiting",
            name=name("aws.alarm", self._args.account.stack, "waiting"),
            alarm_description="Requests wait for an engine that does not come.",
            namespace=namespace(self._args.account),
            metric_name=QUEUED,
            dimensions={"role": "api", "engine": self._args.engine},
            statistic="Minimum",
            period=60,
            evaluation_periods=15,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[self.topic.arn],
            opts=self._child,
        )


def names(account: Account) -> list[str]:
    """The alarms that take a deployment back, known before they are made."""
    return [name("aws.alarm", account.stack, "errors")]
