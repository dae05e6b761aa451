#!/usr/bin/env python3
"""IAM as boto3 and the AWS CLI see it: roles, policies, users, paging, the simulator, and --iam enforce with STS."""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, wait_until  # noqa: E402

suite = Suite()
ACCOUNT = "123456789012"


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def trust(**principal):
    return document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})


ECS_TRUST = trust(Service="ecs-tasks.amazonaws.com")
S3_POLICY = document(allow("s3:*"))


def refused(function, code, status=None, text="", **arguments):
    from botocore.exceptions import ClientError

    try:
        function(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert text in str(error), error
        assert not status or error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error.response
        return
    raise AssertionError(f"{function} {arguments} was not refused")


def with_keys(sim, service, keys):
    import boto3

    return boto3.client(service, endpoint_url=sim.endpoint, region_name="us-east-1",
                        aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"],
                        aws_session_token=keys.get("SessionToken"))


@suite.test
def roles(sim):
    iam = sim.client("iam")
    role = iam.create_role(RoleName="task", Path="/app/", AssumeRolePolicyDocument=ECS_TRUST, Description="d",
                           Tags=[{"Key": "a", "Value": "1"}])["Role"]
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/app/task" and role["RoleId"].startswith("AROA")
    assert len(role["RoleId"]) == 21 and role["MaxSessionDuration"] == 3600
    again = iam.get_role(RoleName="task")["Role"]
    assert again["AssumeRolePolicyDocument"] == json.loads(ECS_TRUST) and again["Tags"] == role["Tags"]
    refused(iam.create_role, "EntityAlreadyExists", 409, "Role with name TASK already exists.", RoleName="TASK",
            AssumeRolePolicyDocument=ECS_TRUST)
    refused(iam.create_role, "MalformedPolicyDocument", 400, RoleName="x", AssumeRolePolicyDocument=S3_POLICY)
    refused(iam.get_role, "NoSuchEntity", 404, "The role with name none cannot be found.", RoleName="none")
    iam.update_role(RoleName="task", Description="new", MaxSessionDuration=7200)
    iam.tag_role(RoleName="task", Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}])
    iam.untag_role(RoleName="task", TagKeys=["b"])
    again = iam.get_role(RoleName="task")["Role"]
    assert (again["Description"], again["MaxSessionDuration"]) == ("new", 7200)
    assert iam.list_role_tags(RoleName="task")["Tags"] == [{"Key": "a", "Value": "2"}]
    arn = f"arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    iam.attach_role_policy(RoleName="task", PolicyArn=arn)
    iam.put_role_policy(RoleName="task", PolicyName="inline", PolicyDocument=S3_POLICY)
    assert iam.get_role_policy(RoleName="task", PolicyName="inline")["PolicyDocument"] == json.loads(S3_POLICY)
    assert iam.list_attached_role_policies(RoleName="task")["AttachedPolicies"][0]["PolicyArn"] == arn
    assert iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"][0]["RoleName"] == "task"
    refused(iam.delete_role, "DeleteConflict", 409, "must detach all policies first", RoleName="task")
    iam.detach_role_policy(RoleName="task", PolicyArn=arn)
    refused(iam.delete_role, "DeleteConflict", 409, "must delete policies first", RoleName="task")
    iam.delete_role_policy(RoleName="task", PolicyName="inline")
    iam.create_instance_profile(InstanceProfileName="profile")
    iam.add_role_to_instance_profile(InstanceProfileName="profile", RoleName="task")
    assert iam.get_instance_profile(InstanceProfileName="profile")["InstanceProfile"]["Roles"][0]["RoleName"] == "task"
    refused(iam.delete_role, "DeleteConflict", 409, RoleName="task")
    iam.remove_role_from_instance_profile(InstanceProfileName="profile", RoleName="task")
    iam.delete_instance_profile(InstanceProfileName="profile")
    iam.delete_role(RoleName="task")


@suite.test
def policies(sim):
    iam = sim.client("iam")
    arn = iam.create_policy(PolicyName="p", PolicyDocument=S3_POLICY)["Policy"]["Arn"]
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=S3_POLICY)
    refused(iam.create_policy_version, "LimitExceeded", 409, PolicyArn=arn, PolicyDocument=S3_POLICY)
    refused(iam.delete_policy_version, "DeleteConflict", 409, PolicyArn=arn, VersionId="v1")
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v5")
    for version in ("v1", "v2", "v3", "v4"):
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)
    assert iam.create_policy_version(PolicyArn=arn, PolicyDocument=S3_POLICY)["PolicyVersion"]["VersionId"] == "v6"
    refused(iam.delete_policy, "DeleteConflict", 409, PolicyArn=arn)
    iam.delete_policy_version(PolicyArn=arn, VersionId="v6")
    iam.create_role(RoleName="bounded", AssumeRolePolicyDocument=ECS_TRUST, PermissionsBoundary=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    refused(iam.delete_policy, "DeleteConflict", 409, PolicyArn=arn)
    iam.delete_role_permissions_boundary(RoleName="bounded")
    iam.delete_role(RoleName="bounded")
    iam.delete_policy(PolicyArn=arn)
    refused(iam.get_policy, "NoSuchEntity", 404, f"Policy {arn} was not found.", PolicyArn=arn)
    big = document(*[allow(f"s3:Action{i}{'x' * 200}") for i in range(40)])
    refused(iam.create_policy, "LimitExceeded", 409, PolicyName="big", PolicyDocument=big)
    for text in ("{}", "x", document({"Effect": "Allow", "Action": "s3", "Resource": "*"}),
                 document({"Effect": "Maybe", "Action": "s3:*", "Resource": "*"}),
                 document({"Effect": "Allow", "Action": "s3:*", "Resource": "bucket"}),
                 document({"Effect": "Allow", "Action": "s3:*"}),
                 document(allow("s3:*", Principal="*")), document(allow("s3:*", Condition={"Nonsense": {"a:b": "c"}}))):
        refused(iam.create_policy, "MalformedPolicyDocument", 400, PolicyName="broken", PolicyDocument=text)


@suite.test
def paging(sim):
    iam = sim.client("iam")
    for i in range(25):
        iam.create_role(RoleName=f"page-{i:02}", Path="/page/", AssumeRolePolicyDocument=ECS_TRUST)
    pages = list(iam.get_paginator("list_roles").paginate(PathPrefix="/page/", PaginationConfig={"PageSize": 10}))
    assert [len(page["Roles"]) for page in pages] == [10, 10, 5]
    assert [page["IsTruncated"] for page in pages] == [True, True, False]
    assert [r["RoleName"] for page in pages for r in page["Roles"]] == [f"page-{i:02}" for i in range(25)]
    refused(iam.list_roles, "ValidationError", 400, Marker="nonsense")
    everything = [p["Arn"] for page in iam.get_paginator("list_policies").paginate(Scope="AWS", PaginationConfig={"PageSize": 7})
                  for p in page["Policies"]]
    assert len(everything) == len(set(everything)) >= 40
    assert "arn:aws:iam::aws:policy/AdministratorAccess" in everything
    for i in range(25):
        iam.delete_role(RoleName=f"page-{i:02}")


@suite.test
def service_linked_roles(sim):
    iam = sim.client("iam")
    role = iam.create_service_linked_role(AWSServiceName="ecs.amazonaws.com")["Role"]
    assert role["Arn"].endswith(":role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")
    refused(iam.create_service_linked_role, "InvalidInput", 400, "has been taken in this account",
            AWSServiceName="ecs.amazonaws.com")
    refused(iam.delete_role, "UnmodifiableEntity", 400, RoleName="AWSServiceRoleForECS")
    task = iam.delete_service_linked_role(RoleName="AWSServiceRoleForECS")["DeletionTaskId"]
    wait_until(lambda: iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED")
    refused(iam.get_role, "NoSuchEntity", 404, RoleName="AWSServiceRoleForECS")


@suite.test
def users_and_groups(sim):
    iam = sim.client("iam")
    iam.create_user(UserName="ann", Path="/staff/")
    iam.create_group(GroupName="admins")
    iam.add_user_to_group(GroupName="admins", UserName="ann")
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName="ann")["Groups"]] == ["admins"]
    assert [u["UserName"] for u in iam.get_group(GroupName="admins")["Users"]] == ["ann"]
    keys = [iam.create_access_key(UserName="ann")["AccessKey"] for _ in range(2)]
    refused(iam.create_access_key, "LimitExceeded", 409, "AccessKeysPerUser: 2", UserName="ann")
    assert with_keys(sim, "sts", keys[0]).get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/staff/ann"
    assert with_keys(sim, "iam", keys[0]).get_user()["User"]["UserName"] == "ann"
    iam.update_access_key(UserName="ann", AccessKeyId=keys[1]["AccessKeyId"], Status="Inactive")
    refused(with_keys(sim, "sts", keys[1]).get_caller_identity, "InvalidClientTokenId", 403)
    refused(iam.delete_user, "DeleteConflict", 409, UserName="ann")
    iam.create_login_profile(UserName="ann", Password="long-enough-1")
    refused(iam.create_login_profile, "EntityAlreadyExists", 409, UserName="ann", Password="long-enough-1")
    iam.delete_login_profile(UserName="ann")
    iam.remove_user_from_group(GroupName="admins", UserName="ann")
    iam.delete_group(GroupName="admins")
    for key in keys:
        iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="ann")
    refused(iam.get_account_password_policy, "NoSuchEntity", 404)
    iam.create_account_alias(AccountAlias="my-alias")
    assert iam.list_account_aliases()["AccountAliases"] == ["my-alias"]


@suite.test
def simulator(sim):
    iam = sim.client("iam")
    conditional = document(allow("s3:GetObject", "arn:aws:s3:::b/${aws:username}/*"),
                           allow("s3:Put*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
                           {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"})

    def decisions(actions, resources=None, policy=conditional, **context):
        entries = [{"ContextKeyName": k.replace("_", ":"), "ContextKeyValues": [v], "ContextKeyType": "string"}
                   for k, v in context.items()]
        found = iam.simulate_custom_policy(PolicyInputList=[policy], ActionNames=actions, ContextEntries=entries,
                                           **({"ResourceArns": resources} if resources else {}))
        return [r["EvalDecision"] for r in found["EvaluationResults"]]

    assert decisions(["s3:GetObject"], ["arn:aws:s3:::b/bob/x"], aws_username="bob") == ["allowed"]
    assert decisions(["s3:GetObject"], ["arn:aws:s3:::b/eve/x"], aws_username="bob") == ["implicitDeny"]
    assert decisions(["s3:PutObject", "ec2:RunInstances"], aws_SourceIp="10.1.2.3") == ["allowed", "explicitDeny"]
    assert decisions(["s3:PutObject"], aws_SourceIp="11.1.2.3") == ["implicitDeny"]
    missing = iam.simulate_custom_policy(PolicyInputList=[conditional], ActionNames=["s3:PutObject"])
    assert missing["EvaluationResults"][0]["MissingContextValues"] == ["aws:SourceIp"]
    bounded = iam.simulate_custom_policy(PolicyInputList=[S3_POLICY], ActionNames=["s3:GetObject"],
                                         PermissionsBoundaryPolicyInputList=[document(allow("ec2:*"))])
    assert bounded["EvaluationResults"][0]["EvalDecision"] == "implicitDeny"
    iam.create_role(RoleName="simulated", AssumeRolePolicyDocument=ECS_TRUST)
    arn = iam.get_role(RoleName="simulated")["Role"]["Arn"]
    iam.put_role_policy(RoleName="simulated", PolicyName="p", PolicyDocument=S3_POLICY)
    result = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["s3:GetObject", "ecs:RunTask"],
                                           ResourceArns=["arn:aws:s3:::b/x", "arn:aws:s3:::c"])["EvaluationResults"]
    assert [r["EvalDecision"] for r in result] == ["allowed", "implicitDeny"]
    assert len(result[0]["ResourceSpecificResults"]) == 2
    statement = result[0]["MatchedStatements"][0]
    assert statement["SourcePolicyId"] == "role_simulated_p" and statement["StartPosition"]["Line"] == 1, statement
    refused(iam.simulate_principal_policy, "NoSuchEntity", 404, ActionNames=["s3:GetObject"],
            PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:role/none-of-that-name")
    refused(iam.simulate_custom_policy, "InvalidInput", 400, PolicyInputList=["{}"], ActionNames=["s3:GetObject"])
    keys = iam.get_context_keys_for_custom_policy(PolicyInputList=[conditional])["ContextKeyNames"]
    assert sorted(keys) == ["aws:SourceIp", "aws:username"], keys
    iam.delete_role_policy(RoleName="simulated", PolicyName="p")
    iam.delete_role(RoleName="simulated")


@suite.test
def trust_policies(sim):
    iam, sts = sim.client("iam"), sim.client("sts")
    iam.create_role(RoleName="mine", AssumeRolePolicyDocument=trust(AWS=f"arn:aws:iam::{ACCOUNT}:root"))
    iam.create_role(RoleName="service", AssumeRolePolicyDocument=ECS_TRUST)
    external = json.loads(trust(AWS="*"))
    external["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": "secret"}}
    iam.create_role(RoleName="external", AssumeRolePolicyDocument=json.dumps(external))

    def assume(name, **more):
        return sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{name}", RoleSessionName="session", **more)

    session = assume("mine")
    assert session["AssumedRoleUser"]["AssumedRoleId"] == iam.get_role(RoleName="mine")["Role"]["RoleId"] + ":session"
    denied = f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: sts:AssumeRole on resource: "
    for name in ("service", "nowhere", "external"):
        refused(assume, "AccessDenied", 403, denied + f"arn:aws:iam::{ACCOUNT}:role/{name}", name=name)
    assume("external", ExternalId="secret")
    refused(assume, "ValidationError", 400, "MaxSessionDuration", name="mine", DurationSeconds=7200)
    provider = iam.create_open_id_connect_provider(Url="https://idp.example", ClientIDList=["aud"],
                                                   ThumbprintList=["a" * 40])["OpenIDConnectProviderArn"]
    iam.create_role(RoleName="web", AssumeRolePolicyDocument=document(
        {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
         "Condition": {"StringLike": {"idp.example:sub": "repo:*"}}}))

    def web(subject, expires):
        claims = {"iss": "https://idp.example", "sub": subject, "aud": "aud", "exp": expires}
        token = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({}, claims))
        return sts.assume_role_with_web_identity(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/web", RoleSessionName="web",
                                                 WebIdentityToken=token + ".x")

    later = int(time.time()) + 600
    assert web("repo:a", later)["SubjectFromWebIdentityToken"] == "repo:a"
    refused(web, "AccessDenied", 403, subject="user:a", expires=later)
    refused(web, "ExpiredTokenException", 400, subject="repo:a", expires=1)


@suite.test
def command_line(sim):
    environment = {"PATH": os.environ["PATH"], "HOME": tempfile.mkdtemp(dir=sim.dir), "LANG": "C.UTF-8",
                   "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
                   "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": ""}

    def aws(*arguments):
        done = subprocess.run(["aws", "--endpoint-url", sim.endpoint, "--output", "json", "iam", *arguments], env=environment,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    aws("create-role", "--role-name", "cli", "--assume-role-policy-document", ECS_TRUST)
    aws("attach-role-policy", "--role-name", "cli", "--policy-arn", "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    assert aws("get-role", "--role-name", "cli")["Role"]["RoleName"] == "cli"
    assert len(aws("list-attached-role-policies", "--role-name", "cli")["AttachedPolicies"]) == 1
    assert len(aws("list-policies", "--scope", "AWS", "--max-items", "5")["Policies"]) == 5
    aws("detach-role-policy", "--role-name", "cli", "--policy-arn", "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    aws("delete-role", "--role-name", "cli")


@suite.test
def restarts(sim):
    iam = sim.client("iam")
    iam.create_role(RoleName="kept", AssumeRolePolicyDocument=ECS_TRUST)
    sim.ctl("restart", "iam")
    assert iam.get_role(RoleName="kept")["Role"]["AssumeRolePolicyDocument"] == json.loads(ECS_TRUST)


@suite.test
def enforcement(_):
    with Awssim("--iam", "enforce") as sim:
        iam = sim.client("iam")
        user = iam.create_user(UserName="bob")["User"]
        keys = iam.create_access_key(UserName="bob")["AccessKey"]
        ecs, logs, own = (with_keys(sim, service, keys) for service in ("ecs", "logs", "iam"))
        text = (f"User: {user['Arn']} is not authorized to perform: ecs:ListClusters on resource: * because no "
                "identity-based policy allows the ecs:ListClusters action")
        refused(ecs.list_clusters, "AccessDeniedException", 400, text)
        refused(own.list_roles, "AccessDenied", 403, "iam:ListRoles")
        iam.put_user_policy(UserName="bob", PolicyName="p", PolicyDocument=document(allow(["ecs:List*", "iam:*"])))
        ecs.list_clusters()
        own.list_roles()
        refused(logs.describe_log_groups, "AccessDeniedException", 400, "logs:DescribeLogGroups")
        iam.put_user_policy(UserName="bob", PolicyName="d", PolicyDocument=document(
            {"Effect": "Deny", "Action": "ecs:*", "Resource": "*"}))
        refused(ecs.list_clusters, "AccessDeniedException", 400, "with an explicit deny in an identity-based policy")
        assert with_keys(sim, "sts", keys).get_caller_identity()["Arn"] == user["Arn"]
        iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust(AWS=user["Arn"]))
        role = f"arn:aws:iam::{ACCOUNT}:role/r"
        iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document(allow(["ecs:*", "logs:*"])))
        iam.put_user_policy(UserName="bob", PolicyName="a", PolicyDocument=document(allow("sts:AssumeRole", role)))
        sts = with_keys(sim, "sts", keys)
        session = sts.assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
        with_keys(sim, "ecs", session).list_clusters()
        refused(with_keys(sim, "iam", session).list_roles, "AccessDenied", 403, "assumed-role/r/session")
        narrow = sts.assume_role(RoleArn=role, RoleSessionName="narrow", Policy=document(allow("logs:*")))["Credentials"]
        with_keys(sim, "logs", narrow).describe_log_groups()
        refused(with_keys(sim, "ecs", narrow).list_clusters, "AccessDeniedException", 400, "no session policy allows")
        sim.client("ecs").list_clusters()
        iam.update_access_key(UserName="bob", AccessKeyId=keys["AccessKeyId"], Status="Inactive")
        refused(own.list_roles, "InvalidClientTokenId", 403)


if __name__ == "__main__":
    with Awssim() as simulator:
        sys.exit(suite.main(simulator))
