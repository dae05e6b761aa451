"""Terraform for the suites: where its AWS provider is, and one configuration in a folder of its own."""

import functools
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import zipfile

PROVIDER = "registry.terraform.io/hashicorp/aws"
TIMEOUT_S = 420
PLAN_EMPTY, PLAN_CHANGES = 0, 2


def places():
    """Folders that may hold registry.terraform.io: the one that is named, Terraform's implied mirrors (of the user, of the
    XDG folders, of the system), and what packages and images put below /opt and /usr/local."""
    home = pathlib.Path(pwd.getpwuid(os.getuid()).pw_dir)  # tools/test gives HOME another meaning
    data = [os.environ.get("XDG_DATA_HOME") or home / ".local/share",
            *(os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")]
    named = [os.environ.get(name) for name in ("AWSSIM_TF_PLUGIN_DIR", "TF_PLUGIN_CACHE_DIR")]
    yield from map(pathlib.Path, filter(None, named))
    yield home / ".terraform.d/plugins"
    yield home / ".terraform.d/plugin-cache"
    yield from (pathlib.Path(folder) / "terraform/plugins" for folder in data if folder)
    for pattern in ("/opt/*", "/opt/*/plugins", "/usr/local/lib/terraform*", "/usr/lib/terraform*"):
        yield from sorted(pathlib.Path("/").glob(pattern[1:]))


@functools.cache
def plugin_dir():
    """The first of the places that has the AWS provider, or None."""
    return next((str(place) for place in places() if (place / PROVIDER).is_dir()), None)


def skip_reason():
    """Why this machine cannot run Terraform, or None."""
    if not shutil.which("terraform"):
        return "terraform is not installed"
    if not plugin_dir():
        return "the AWS provider is not installed (AWSSIM_TF_PLUGIN_DIR names the folder that holds registry.terraform.io)"
    return None


class Terraform:
    """A configuration in a folder: files are copied there, Python sources as zip files of the same name."""

    def __init__(self, files, folder, endpoint):
        self.folder = pathlib.Path(folder)
        for source in files:
            if source.suffix == ".py":
                with zipfile.ZipFile(self.folder / f"{source.stem}.zip", "w") as package:
                    package.write(source, source.name)
            else:
                shutil.copy(source, self.folder)
        (self.folder / "terraformrc").write_text("")
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8", "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1", "AWS_EC2_METADATA_DISABLED": "true", "TF_VAR_endpoint": endpoint,
            "TF_CLI_CONFIG_FILE": str(self.folder / "terraformrc")}

    def run(self, *arguments, expected=(0,)):
        done = subprocess.run(["terraform", *arguments], cwd=self.folder, env=self.environment, capture_output=True,
                              text=True, timeout=TIMEOUT_S)
        said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
        assert done.returncode in expected, f"terraform {arguments}: {done.returncode}\n{said[-6000:]}"
        return done.returncode, said

    def init(self):
        self.run("init", "-input=false", f"-plugin-dir={plugin_dir()}")

    def schemas(self):
        """What `terraform providers schema -json` prints."""
        done = subprocess.run(["terraform", "providers", "schema", "-json"], cwd=self.folder, env=self.environment,
                              capture_output=True, check=True, timeout=TIMEOUT_S)
        return done.stdout

    def apply(self, *arguments):
        return self.run("apply", "-auto-approve", "-input=false", *arguments)[1]

    def plan(self, *arguments, expected):
        """expected: PLAN_EMPTY or PLAN_CHANGES."""
        code, said = self.run("plan", "-detailed-exitcode", "-input=false", *arguments, expected=(PLAN_EMPTY, PLAN_CHANGES))
        assert code == expected, said[-6000:]

    def destroy(self, *arguments):
        self.run("destroy", "-auto-approve", "-input=false", *arguments)

    def resources(self):
        """Addresses of what the state holds."""
        return self.run("state", "list")[1].split()
