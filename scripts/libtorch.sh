#!/usr/bin/env bash
# Unpacks libtorch from the pinned wheels of libtorch.wheels into ROOT/libtorch; installs nothing, needs no root rights.
#
#   scripts/libtorch.sh [ROOT [WHEELS]]    ROOT: this repository; WHEELS: the list beside this script
#
#   LIBTORCH=/path      your own libtorch: it is checked, and nothing is downloaded
#   CUDA=1, CUDA=0      with or without the CUDA libraries; unset: with them if there is an NVIDIA driver
#   PYTHON=python3      the Python whose pip downloads; pip's own settings (PIP_...) apply
#
# What stands in ROOT/libtorch is complete: everything is staged in ROOT/.libtorch-setup, checked, and renamed last.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "${1:-$here/..}" && pwd)
wheels=${2:-$here/libtorch.wheels}
libtorch=$root/libtorch
stage=$root/.libtorch-setup
python=${PYTHON:-python3}
version=$(awk '$1 == "cpu" { print $3; exit }' "$wheels")

fail() {
    echo "libtorch.sh: $*" >&2
    [[ " ${sets[*]-} " != *' cuda '* ]] || echo "libtorch.sh: CUDA=0 leaves the CUDA libraries out" >&2
    exit 1
}

# The version that the headers of a libtorch folder state; empty if they do not.
version_of() {
    cat "$1"/include/torch/{headeronly,csrc/api/include/torch}/version.h 2>/dev/null |
        sed -nE 's/^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) ([0-9]+).*/\2/p' | head -n 3 | paste -sd. || true
}

check_own() {
    [[ $LIBTORCH == /* ]] || fail "LIBTORCH is '$LIBTORCH': give an absolute path, or unset it to download libtorch $version"
    [[ -f $LIBTORCH/lib/libtorch_cpu.so && -d $LIBTORCH/include ]] ||
        fail "LIBTORCH is '$LIBTORCH', which lacks lib/libtorch_cpu.so or include/; unset it to download libtorch $version"
    local found
    found=$(version_of "$LIBTORCH")
    [[ -z $found || $found == "$version" ]] ||
        fail "LIBTORCH is '$LIBTORCH', which is libtorch $found; needed is $version, or unset it to download that"
    echo "libtorch ${found:-of unknown version} is used from LIBTORCH=$LIBTORCH"
}

wants_cuda() {
    case ${CUDA:-} in
        0) return 1 ;;
        1) return 0 ;;
        '') [[ -e /proc/driver/nvidia/version ]] || command -v nvidia-smi >/dev/null ;;
        *) fail "CUDA is '$CUDA'; allowed are 1, 0 and unset" ;;
    esac
}

# libtorch_cuda.so is renamed into place last, so it stands for its whole set.
has() {
    case $1 in
        cpu) [[ -f $libtorch/torch/lib/libtorch_cpu.so && $(version_of "$libtorch/torch") == "$version" ]] ;;
        cuda) [[ -f $libtorch/torch/lib/libtorch_cuda.so ]] ;;
    esac
}

# Keeps in `sets` what is wanted and not there.
missing() {
    has cpu || { sets=("$@"); return; }
    sets=()
    for set in "$@"; do has "$set" || sets+=("$set"); done
}

check_tools() {
    "$python" -m pip --version >/dev/null 2>&1 ||
        fail "'$python -m pip' does not run: the download needs Python 3 with pip (apt-get install python3-pip); or set LIBTORCH to a libtorch $version"
    local set need=1100 free
    for set in "${sets[@]}"; do
        case $set in
            cpu) ((need += 500)) ;;
            cuda) ((need += 4000)) ;;
        esac
    done
    free=$(df -Pm "$root" | awk 'NR == 2 { print $4 }')
    ((free >= need)) || fail "$root has $free MB free; $need MB are needed while unpacking ${sets[*]}"
}

# Downloads one wheel into the stage and checks it.
fetch() {
    local package=$1 release=$2 sha256=$3 platforms=() minor
    for minor in _2_28 _2_27 _2_26 _2_25 _2_24 _2_18 _2_17 2014 _2_12 2010 _2_5 1; do
        platforms+=(--platform "manylinux${minor}_x86_64")
    done
    rm -rf "$stage/wheel" "$stage/tmp"
    mkdir -p "$stage/wheel" "$stage/tmp"
    TMPDIR=$stage/tmp "$python" -m pip download --no-deps --only-binary=:all: \
        --python-version 3.12 --implementation cp --abi cp312 "${platforms[@]}" \
        --dest "$stage/wheel" "$package==$release" </dev/null ||
        fail "$package $release could not be downloaded; nothing was changed, run it again or set LIBTORCH"
    wheel=$(find "$stage/wheel" -name '*.whl')
    echo "$sha256  $wheel" | sha256sum --check --status ||
        fail "${wheel##*/}: its sha256 is not $sha256; nothing was changed"
}

# Unpacks the members of a wheel that match the patterns.
unpack() {
    "$python" - "$@" <<'PYTHON'
import fnmatch, sys, zipfile

wheel, folder, *patterns = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for pattern in patterns:
        names = [name for name in archive.namelist() if fnmatch.fnmatchcase(name, pattern)]
        if not names:
            sys.exit(f"{wheel}: no file matches {pattern}")
        archive.extractall(folder, names)
PYTHON
}

stage_sets() {
    local set package release sha256 members files previous=''
    while read -r set package release sha256 members; do
        [[ " ${sets[*]} " == *" $set "* ]] || continue
        [[ $package == "$previous" ]] || fetch "$package" "$release" "$sha256"
        previous=$package
        read -ra files <<<"$members"
        unpack "$wheel" "$stage/new" "${files[@]}" || fail "$package $release could not be unpacked; nothing was changed"
    done < <(grep -v '^#' "$wheels")
    # As in the zip files of libtorch itself: the build checks it, and `valor doctor` prints it.
    echo "$version" >"$stage/new/torch/build-version"
}

# A new libtorch comes by one rename; what is added to one comes file by file, the one that others look for last.
place() {
    if [[ " ${sets[*]} " == *' cpu '* ]]; then
        [[ ! -e $libtorch ]] || mv -T "$libtorch" "$stage/old"
        mv -T "$stage/new" "$libtorch"
        return
    fi
    local file last=torch/lib/libtorch_cuda.so
    while read -r file; do
        mkdir -p "$libtorch/${file%/*}"
        mv -fT "$stage/new/$file" "$libtorch/$file"
    done < <(cd "$stage/new" && find . -type f ! -path "./$last" && echo "$last")
}

if [[ -n ${LIBTORCH:-} ]]; then
    check_own
    exit
fi
[[ $(uname -sm) == 'Linux x86_64' ]] ||
    fail "the pinned libtorch is for Linux x86_64, this is $(uname -sm): set LIBTORCH to a libtorch $version folder"

wanted=(cpu)
if wants_cuda; then wanted+=(cuda); fi
missing "${wanted[@]}"
if ((${#sets[@]})) || [[ -e $stage ]]; then
    exec 9>"$stage.lock"
    flock -n 9 || { echo "waiting for another set-up of $libtorch"; flock 9; }
    rm -rf "$stage"
    trap 'rm -rf "$stage"' EXIT
    trap 'exit 1' HUP INT TERM
    missing "${wanted[@]}"
fi
if ((${#sets[@]})); then
    check_tools
    stage_sets
    place
fi
echo "libtorch $version (${wanted[*]}) is in $libtorch"
