#!/usr/bin/env python3
"""EFS with boto3, as Terraform, ecs and lambda use it; file systems are directories."""

import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, in_threads, wait_until  # noqa: E402

suite = Suite()


def refused(code, function, **arguments):
    try:
        function(**arguments)
    except Exception as error:  # botocore makes its classes at run time
        assert getattr(error, "response", {}).get("Error", {}).get("Code") == code, repr(error)
        return error.response
    raise AssertionError(f"{code} expected")


def state(efs, file_system):
    return efs.describe_file_systems(FileSystemId=file_system)["FileSystems"][0]["LifeCycleState"]


def gone(efs, file_system):
    return not [f for f in efs.describe_file_systems()["FileSystems"] if f["FileSystemId"] == file_system]


def file_system(efs, token, **more):
    made = efs.create_file_system(CreationToken=token, **more)
    assert made["LifeCycleState"] == "creating", made
    wait_until(lambda: state(efs, made["FileSystemId"]) == "available")
    return made["FileSystemId"]


def directory(sim, file_system_id):
    return pathlib.Path(sim.state_dir, "efs", "123456789012", "us-east-1", file_system_id)


@suite.test
def life(sim):
    efs = sim.client("efs")
    made = file_system(efs, "life", Encrypted=True, Tags=[{"Key": "Name", "Value": "n"}])
    again = refused("FileSystemAlreadyExists", efs.create_file_system, CreationToken="life")
    assert again["FileSystemId"] == made and again["ErrorCode"] == "FileSystemAlreadyExists", again
    efs.put_lifecycle_configuration(FileSystemId=made, LifecyclePolicies=[{"TransitionToIA": "AFTER_30_DAYS"}])
    assert efs.describe_lifecycle_configuration(FileSystemId=made)["LifecyclePolicies"] == [{"TransitionToIA": "AFTER_30_DAYS"}]
    efs.update_file_system(FileSystemId=made, ThroughputMode="elastic")
    wait_until(lambda: state(efs, made) == "available")
    arn = efs.describe_file_systems(FileSystemId=made)["FileSystems"][0]["FileSystemArn"]
    efs.tag_resource(ResourceId=arn, Tags=[{"Key": "a", "Value": "b"}])
    assert len(efs.list_tags_for_resource(ResourceId=made)["Tags"]) == 2
    assert directory(sim, made).is_dir()
    sim.ctl("restart", "efs")
    assert state(efs, made) == "available"
    efs.delete_file_system(FileSystemId=made)
    wait_until(lambda: gone(efs, made))
    refused("FileSystemNotFound", efs.describe_file_systems, FileSystemId=made)
    assert not directory(sim, made).exists()


@suite.test
def mount_targets(sim):
    if "ec2" not in json.loads(sim.http("GET", "/health")[2])["services"]:
        print("     no ec2 here, so no mount targets")
        return
    efs = sim.client("efs")
    made = file_system(efs, "targets")
    target = efs.create_mount_target(FileSystemId=made, SubnetId="subnet-0123456789abcdef0", SecurityGroups=["sg-12345678"])
    identity = target["MountTargetId"]
    refused("MountTargetConflict", efs.create_mount_target, FileSystemId=made, SubnetId="subnet-0123456789abcdef0")
    refused("FileSystemInUse", efs.delete_file_system, FileSystemId=made)
    seen = wait_until(lambda: [t for t in efs.describe_mount_targets(FileSystemId=made)["MountTargets"]
                               if t["LifeCycleState"] == "available"])[0]
    assert seen["IpAddress"] and seen["NetworkInterfaceId"].startswith("eni-"), seen
    efs.modify_mount_target_security_groups(MountTargetId=identity, SecurityGroups=["sg-87654321"])
    assert efs.describe_mount_target_security_groups(MountTargetId=identity)["SecurityGroups"] == ["sg-87654321"]
    efs.delete_mount_target(MountTargetId=identity)
    wait_until(lambda: not efs.describe_mount_targets(FileSystemId=made)["MountTargets"])
    refused("MountTargetNotFound", efs.describe_mount_targets, MountTargetId=identity)


@suite.test
def access_points(sim):
    efs = sim.client("efs")
    made = file_system(efs, "points")
    point = efs.create_access_point(
        ClientToken="p", FileSystemId=made, PosixUser={"Uid": 1000, "Gid": 1000},
        RootDirectory={"Path": "/a/b", "CreationInfo": {"OwnerUid": 1000, "OwnerGid": 1000, "Permissions": "0750"}})
    refused("AccessPointAlreadyExists", efs.create_access_point, ClientToken="p", FileSystemId=made)
    assert efs.describe_access_points(FileSystemId=made)["AccessPoints"][0]["RootDirectory"]["Path"] == "/a/b"
    assert not (directory(sim, made) / "a").exists(), "describing is no use"
    efs.delete_access_point(AccessPointId=point["AccessPointId"])
    wait_until(lambda: not efs.describe_access_points(FileSystemId=made)["AccessPoints"])
    refused("AccessPointNotFound", efs.describe_access_points, AccessPointId=point["AccessPointId"])


@suite.test
def sizes(sim):
    efs = sim.client("efs")
    made = file_system(efs, "sizes")
    (directory(sim, made) / "file").write_bytes(b"x" * 1_000_000)
    for i in range(5000):
        (directory(sim, made) / f"f{i}").touch()

    def value():
        return efs.describe_file_systems(FileSystemId=made)["FileSystems"][0]["SizeInBytes"]["Value"]

    wait_until(lambda: value() > 1_000_000)
    efs.delete_file_system(FileSystemId=made)
    wait_until(lambda: gone(efs, made))
    wait_until(lambda: not os.listdir(pathlib.Path(sim.state_dir, "efs", ".gone")), what="removal of the directory")


@suite.test
def pages_and_threads(sim):
    efs = sim.client("efs", region="eu-west-1")
    in_threads(8, lambda i: [efs.create_file_system(CreationToken=f"{i}-{n}") for n in range(15)])
    seen = [f["FileSystemId"] for page in efs.get_paginator("describe_file_systems").paginate(PaginationConfig={"PageSize": 7})
            for f in page["FileSystems"]]
    assert len(seen) == len(set(seen)) == 120, len(seen)
    assert len(efs.describe_file_systems()["FileSystems"]) == 100


@suite.test
def gone_with_reset(sim):
    efs = sim.client("efs")
    made = file_system(efs, "reset")
    sim.ctl("reset", "efs")
    assert gone(efs, made) and not directory(sim, made).exists()


if __name__ == "__main__":
    with Awssim("--lenient", "unknown-networks") as running:
        sys.exit(suite.main(running))
