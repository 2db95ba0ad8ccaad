"""A zone in DNS and a certificate for its names, proven by DNS."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainArgs:
    """`zone` is the id of a hosted zone that is there already; None makes one, which the registrar must then point to."""

    name: str
    zone: str | None


class Domain(pulumi.ComponentResource):
    """The zone, and a certificate for the name and everything one level below."""

    def __init__(self, resource_name: str, args: DomainArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:Domain", resource_name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        # A zone that holds other records refuses to be deleted: force_destroy stays off, in dev too.
        self.zone: pulumi.Input[str] = args.zone or aws.route53.Zone("zone", name=args.name, opts=child).zone_id
        certificate = aws.acm.Certificate(
            "certificate",
            domain_name=args.name,
            subject_alternative_names=[f"*.{args.name}"],
            validation_method="DNS",
            opts=child,
        )
        proof = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            "proof",
            zone_id=self.zone,
            name=proof.resource_record_name,
            type=proof.resource_record_type,
            records=[proof.resource_record_value],
            ttl=300,
            allow_overwrite=True,
            opts=child,
        )
        valid = aws.acm.CertificateValidation(
            "valid", certificate_arn=certificate.arn, validation_record_fqdns=[record.fqdn], opts=child
        )
        self.certificate = valid.certificate_arn
        self.register_outputs({"certificate": self.certificate})
